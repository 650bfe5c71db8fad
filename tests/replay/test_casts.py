"""A cast guesses nothing and loses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.replay.casts import CastError, cast


@pytest.mark.parametrize(
    ("value", "to", "result"),
    [
        ("x", "string", "x"),
        (12, "string", "12"),
        (True, "string", "true"),
        ("12", "integer", 12),
        ("-0", "integer", 0),
        (12.0, "integer", 12),
        (-7, "integer", -7),
        ("9223372036854775807", "integer", 2**63 - 1),
        ("12", "number", 12),
        ("12.50", "number", 12.5),
        ("1e3", "number", 1000.0),
        (0.1, "number", 0.1),
        ("true", "boolean", True),
        ("false", "boolean", False),
        (False, "boolean", False),
    ],
)
def test_value_becomes_the_type(value: Any, to: str, result: Any) -> None:
    cast_value = cast(value, to)
    assert (cast_value, type(cast_value)) == (result, type(result))


@pytest.mark.parametrize(
    ("value", "unit", "result"),
    [
        (1_772_445_851, "s", "2026-03-02T10:04:11.000000Z"),
        (1_772_445_851_250, "ms", "2026-03-02T10:04:11.250000Z"),
        ("1772445851250001", "us", "2026-03-02T10:04:11.250001Z"),
        ("2026-03-02T11:04:11+01:00", "s", "2026-03-02T11:04:11+01:00"),
    ],
)
def test_count_becomes_a_timestamp(value: Any, unit: str, result: str) -> None:
    assert cast(value, "timestamp", unit) == result


@pytest.mark.parametrize(
    ("value", "to"),
    [
        *((value, to) for value in (None, [], {}) for to in ("string", "integer", "number", "boolean")),
        (1.5, "string"),
        *(
            (text, "integer")
            for text in ("", " 12", "12 ", "+1", "012", "1.0", "1e2", "٣", "9223372036854775808")
        ),
        (12.5, "integer"),
        (1e300, "integer"),
        (True, "integer"),
        *((text, "number") for text in ("", "NaN", "Infinity", "1e999", ".5", "1.", "0x10", "1_000", "1,5")),
        (True, "number"),
        *((value, "boolean") for value in ("True", "yes", "", 0, 1)),
        *((value, "timestamp") for value in ("yesterday", "2026-03-02", 1.5, None, True, 10**18)),
    ],
)
def test_value_that_would_have_to_be_guessed_is_refused(value: Any, to: str) -> None:
    with pytest.raises(CastError, match=f" is no {to}$"):
        cast(value, to)
