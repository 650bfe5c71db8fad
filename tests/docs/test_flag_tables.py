"""Each command's document names the flags there are, with their defaults."""

from __future__ import annotations

import re

import pytest

from pipeline.command_flags import Flag
from pipeline.erase.options import FLAGS as ERASE
from pipeline.reconcile.options import FLAGS as RECONCILE
from pipeline.replay.options import FLAGS as REPLAY
from tests.docs.flag_words import default_in_words
from tests.docs.readme import REPOSITORY

FLAGS = {"privacy.md": ERASE, "reconcile.md": RECONCILE, "replay.md": REPLAY}
ROWS = {
    name: re.findall(
        r"^\| `--(\w+)` \|(.*?)\|.*\|$",
        (REPOSITORY / "docs" / name).read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    for name in FLAGS
}


@pytest.mark.parametrize("document", FLAGS)
def test_every_flag_has_its_row_and_there_is_no_other(document: str) -> None:
    assert [name for name, _ in ROWS[document]] == [flag.name for flag in FLAGS[document]]


@pytest.mark.parametrize(
    ("document", "flag"),
    [pytest.param(name, flag, id=f"{name} {flag.name}") for name, flags in FLAGS.items() for flag in flags],
)
def test_default_of_a_flag_is_told(document: str, flag: Flag) -> None:
    (told,) = [default.strip() for name, default in ROWS[document] if name == flag.name]
    assert told == default_in_words(flag)
