"""The calendar of promotions."""

from __future__ import annotations

import json

import pytest

from pipeline.anomalies.promotions import NO_PROMOTIONS, Calendar, Promotion, read_calendar
from pipeline.errors import UsageError
from pipeline.rfc3339 import parse_rfc3339_us

START, END = "2026-11-27T00:00:00Z", "2026-11-28T00:00:00+01:00"
GOOD = {"start": START, "end": END, "factor": 3, "name": "Black Friday"}
START_US, END_US = parse_rfc3339_us(START), parse_rfc3339_us(END)


def test_a_calendar_is_an_array_of_times_with_a_factor() -> None:
    content = json.dumps([GOOD, {**GOOD, "factor": 1.5}]).encode()
    assert read_calendar(content, "p.json") == Calendar(
        (Promotion(START_US, END_US, 3.0), Promotion(START_US, END_US, 1.5))
    )
    assert read_calendar(b"[]", "p.json") == NO_PROMOTIONS


@pytest.mark.parametrize(
    ("from_start", "from_end", "factor"),
    [
        (-2, None, 1.0),
        (-1, None, 1.0),
        (-0.5, None, 3.0),
        (0, None, 3.0),
        (None, -1, 3.0),
        (None, -0.5, 3.0),
        (None, 0, 1.0),
    ],
)
def test_a_window_that_touches_a_promotion_has_its_factor(
    from_start: float | None, from_end: float | None, factor: float
) -> None:
    calendar, length_us = read_calendar(json.dumps([GOOD]).encode(), "p.json"), 300_000_000
    at_us = START_US if from_start is not None else END_US
    start_us = at_us + int((from_start if from_start is not None else from_end or 0) * length_us)
    assert calendar.factor(start_us, start_us + length_us) == factor


def test_of_promotions_at_once_the_largest_factor_counts() -> None:
    calendar = read_calendar(json.dumps([{**GOOD, "factor": 2}, GOOD]).encode(), "p.json")
    assert calendar.factor(START_US, START_US + 1) == 3.0
    assert NO_PROMOTIONS.factor(START_US, START_US + 1) == 1.0


BAD_CALENDARS = {
    "not JSON": (b"[{]", "p.json is not JSON: "),
    "nothing": (b"", "p.json is not JSON: "),
    "not text": (b"\xff\xfe", "p.json is not JSON: "),
    "no array": (b"{}", "p.json is not a JSON array of promotions."),
    "no object": (b"[1]", "Promotion 1 of p.json is not a JSON object."),
}
BAD_ENTRIES = {
    "no start": ({"end": END, "factor": 3}, "has no 'start': give an RFC 3339 time."),
    "no end": ({"start": START, "factor": 3}, "has no 'end': give an RFC 3339 time."),
    "a day": ({**GOOD, "start": "2026-11-27"}, "has a 'start' that is no RFC 3339 time: '2026-11-27'."),
    "no offset": (
        {**GOOD, "end": "2026-11-28T00:00:00"},
        "has a 'end' that is no RFC 3339 time: '2026-11-28T00:00:00'.",
    ),
    "a number": ({**GOOD, "start": 5}, "has a 'start' that is no RFC 3339 time: 5."),
    "null": ({**GOOD, "start": None}, "has a 'start' that is no RFC 3339 time: None."),
    "empty": ({**GOOD, "start": END, "end": END}, "ends before it starts."),
    "backwards": ({**GOOD, "start": END, "end": START}, "ends before it starts."),
    "no factor": ({"start": START, "end": END}, "needs a 'factor' from 1 to 1000, not None."),
    "text": ({**GOOD, "factor": "3"}, "needs a 'factor' from 1 to 1000, not '3'."),
    "too small": ({**GOOD, "factor": 0.5}, "needs a 'factor' from 1 to 1000, not 0.5."),
    "too large": ({**GOOD, "factor": 1_001}, "needs a 'factor' from 1 to 1000, not 1001."),
    "a truth": ({**GOOD, "factor": True}, "needs a 'factor' from 1 to 1000, not True."),
}


@pytest.mark.parametrize(("content", "said"), BAD_CALENDARS.values(), ids=BAD_CALENDARS)
def test_what_is_no_calendar_is_named(content: bytes, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_calendar(content, "p.json")
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(("entry", "said"), BAD_ENTRIES.values(), ids=BAD_ENTRIES)
def test_a_wrong_promotion_is_named_by_its_place(entry: object, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_calendar(json.dumps([GOOD, entry]).encode(), "p.json")
    assert str(raised.value) == f"Promotion 2 of p.json {said}"
