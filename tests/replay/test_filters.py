"""Which letters a filter means: the same by the rows of the table and by the letters themselves."""

from __future__ import annotations

import pytest

from pipeline.replay.filters import Filters
from pipeline.replay.letters import Letter
from pipeline.replay.options import parse_replay

GIVEN = ["--from=table", "--bq_dataset=local-shop:ecommerce_events", "--dry_run"]
FAILED_US = 1_772_445_851_000_000  # 2026-03-02T10:04:11Z
LETTER = Letter(
    "id", "parse", "not_utf8", (), "order", "0123456789abcdef", FAILED_US, "m1", 0, {}, b"", None, None
)
NAMELESS = LETTER._replace(event_type=None)


def filters(*flags: str) -> Filters:
    return parse_replay([*GIVEN, *flags]).settings.filters


@pytest.mark.parametrize(
    ("flags", "letter", "is_meant"),
    [
        ([], LETTER, True),
        (["--reason=not_utf8"], LETTER, True),
        (["--reason=missing_field"], LETTER, False),
        (["--reason=missing_field,not_utf8"], LETTER, True),
        (["--reason=missing_field", "--reason=not_utf8"], LETTER, True),
        (["--event_type=order"], LETTER, True),
        (["--event_type=order"], NAMELESS, False),
        (["--event_type=unknown"], NAMELESS, True),
        (["--event_type=unknown"], LETTER, False),
        (["--event_type=inventory,unknown"], NAMELESS, True),
        (["--fingerprint=0123456789abcdef"], LETTER, True),
        (["--fingerprint=0123456789abcdee"], LETTER, False),
        (["--since=2026-03-02"], LETTER, True),
        (["--since=2026-03-03"], LETTER, False),
        (["--since=2026-03-02T10:04:11Z"], LETTER, True),
        (["--since=2026-03-02T12:04:11.000001+02:00"], LETTER, False),
        (["--reason=not_utf8", "--event_type=order", "--since=2026-03-02"], LETTER, True),
        (["--reason=not_utf8", "--event_type=inventory"], LETTER, False),
    ],
)
def test_letter_must_be_all_that_is_asked(flags: list[str], letter: Letter, is_meant: bool) -> None:
    assert filters(*flags).match(letter) is is_meant
