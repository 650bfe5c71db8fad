from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.report.scales import (
    Scale,
    number_ticks,
    time_ticks,
    write_count,
    write_ms,
    write_short,
    write_tick,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_scale_maps_ends_to_ends_and_the_middle_to_the_middle() -> None:
    scale = Scale(10.0, 20.0, 200.0, 100.0)
    assert [scale(value) for value in (10, 15, 20)] == [200.0, 150.0, 100.0]
    assert Scale(5.0, 5.0, 1.0, 2.0)(5.0) == 1.0


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (5, [0, 1, 2, 3, 4, 5]),
        (5.1, [0, 2, 4, 6]),
        (104, [0, 25, 50, 75, 100, 125]),
        (3_082, [0, 1_000, 2_000, 3_000, 4_000]),
        (10_400, [0, 2_500, 5_000, 7_500, 10_000, 12_500]),
    ],
)
def test_ticks_are_round_and_reach_the_highest_value(highest: float, ticks: list[float]) -> None:
    assert number_ticks(highest) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("length", "ticks"),
    [
        (timedelta(seconds=7), 8),
        (timedelta(seconds=60), 7),
        (timedelta(seconds=75), 8),
        (timedelta(minutes=125), 5),
        (timedelta(hours=42), 8),
        (timedelta(days=60), 7),
    ],
)
def test_time_axis_has_few_ticks_that_are_told_apart(length: timedelta, ticks: int) -> None:
    found = time_ticks(NOON, NOON + length)
    written = [write_tick(tick, NOON, NOON + length) for tick in found]
    assert len(found) == len(set(written)) == ticks
    assert all(NOON <= tick <= NOON + length for tick in found)


def test_times_are_written_as_exactly_as_the_axis_is_long() -> None:
    lengths = (timedelta(seconds=60), timedelta(hours=2), timedelta(days=2), timedelta(days=60))
    written = [write_tick(NOON, NOON, NOON + length) for length in lengths]
    assert written == ["12:00:00", "12:00", "Mar 01 12:00", "Mar 01"]


def test_numbers_are_short_on_an_axis_and_whole_in_a_table() -> None:
    assert [write_short(value) for value in (0, 0.2, 500, 2_500, 20e6, 3e9, 1e12)] == [
        *("0", "0.2", "500", "2.5k", "20M", "3G", "1T")
    ]
    assert [write_count(value) for value in (None, 0, 1_234.0, 80.8)] == ["-", "0", "1,234", "80.80"]
    assert [write_ms(value) for value in (None, 9_999, 10_000)] == ["-", "9,999 ms", "10.0 s"]
