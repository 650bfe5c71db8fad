"""Timestamps: the grammar, the cut to microseconds, and the sentence for each fault."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rfc3339 import MAX_US, MIN_US, format_rfc3339, parse_rfc3339_us

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SPELLINGS = {
    "2024-05-01T12:00:00Z": "2024-05-01T12:00:00.000000Z",
    "2024-05-01t12:00:00z": "2024-05-01T12:00:00.000000Z",
    "2024-05-01T12:00:00.5Z": "2024-05-01T12:00:00.500000Z",
    "2024-05-01T12:00:00.123Z": "2024-05-01T12:00:00.123000Z",
    "2024-05-01T12:00:00.123456Z": "2024-05-01T12:00:00.123456Z",
    "2024-05-01T12:00:00.1234569Z": "2024-05-01T12:00:00.123456Z",
    "1969-12-31T23:59:59.9999999Z": "1969-12-31T23:59:59.999999Z",
    "2024-05-01T12:00:00+00:00": "2024-05-01T12:00:00.000000Z",
    "2024-05-01T12:00:00.123+00:00": "2024-05-01T12:00:00.123000Z",
    "2024-05-01T12:00:00.123456+00:00": "2024-05-01T12:00:00.123456Z",
    "2024-05-01T12:00:00-00:00": "2024-05-01T12:00:00.000000Z",
    "2024-05-01T00:30:00+02:00": "2024-04-30T22:30:00.000000Z",
    "2024-02-29T23:59:59-23:59": "2024-03-01T23:58:59.000000Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000000Z",
    "9999-12-31T23:59:59.9999999Z": "9999-12-31T23:59:59.999999Z",
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_is_read_and_written_in_utc(text: str) -> None:
    assert format_rfc3339(parse_rfc3339_us(text)) == SPELLINGS[text]


FAULTS = {
    "": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "2024-05-01 12:00:00Z": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "2024-05-01T12:00:00": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "2024-05-01T12:00:00.123": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "2024-05-01T12:00:00.Z": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "2024-05-01T12:00:00,123Z": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "2024-05-01T12:00:00+0200": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "2024-05-01T12:00:00Z\n": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "2024-05-01T12:00Z": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "20240501T120000Z": "is not RFC 3339, such as 2024-05-01T12:00:00Z",
    "2016-12-31T23:59:60Z": "has a leap second (:60), which cannot be stored",
    "2016-12-31T23:59:60.500Z": "has a leap second (:60), which cannot be stored",
    "2024-05-01T24:00:00Z": "has a time of day that does not exist",
    "2024-05-01T12:60:00Z": "has a time of day that does not exist",
    "2024-05-01T12:00:61Z": "has a time of day that does not exist",
    "0000-01-01T00:00:00Z": "has a date that does not exist",
    "2023-02-29T00:00:00Z": "has a date that does not exist",
    "2024-13-01T00:00:00.000Z": "has a date that does not exist",
    "2024-05-01T12:00:00+24:00": "has an offset that does not exist",
    "2024-05-01T12:00:00-01:60": "has an offset that does not exist",
    "0001-01-01T00:00:00+00:01": "leaves the years 0001 to 9999 in UTC",
    "9999-12-31T23:59:59-00:01": "leaves the years 0001 to 9999 in UTC",
}


@pytest.mark.parametrize("text", FAULTS)
def test_every_fault_has_its_words(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(FAULTS[text])}$"):
        parse_rfc3339_us(text)


@given(st.integers(MIN_US, MAX_US))
def test_what_is_written_is_read_again(time_us: int) -> None:
    text = format_rfc3339(time_us)
    assert parse_rfc3339_us(text) == time_us
    assert datetime.fromisoformat(text) == _EPOCH + timedelta(microseconds=time_us)
