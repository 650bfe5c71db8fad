"""Each chart puts its marks where the values are."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.report.charts import Line, LineChart, draw_bars, draw_lines, draw_timeline
from local.report.findings import AlertLife
from local.report.lanes import place, rows_of
from local.report.scales import Scale

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEFT, RIGHT, TOP, BOTTOM = 58, 724, 12, 202
"""Of the plot, in pixels."""


def windows(*numbers: int) -> list[tuple[datetime, datetime]]:
    return [(START + number * MINUTE, START + (number + 1) * MINUTE) for number in numbers]


def chart(values: list[float | None], *numbers: int, **changes: Any) -> str:
    given = windows(*(numbers or range(len(values))))
    titles = [f"window {number}" for number in range(len(values))]
    return draw_lines(LineChart("A chart", given, [Line("orders", "measured", values)], titles, **changes))


def life(opened: float, breached: float, resolved: float | None, **changes: Any) -> AlertLife:
    """An alert; the times are minutes."""
    alert = AlertLife(
        alert_id=f"a{opened}",
        kind="spike",
        severity="error",
        metric="order_count",
        dimension="all",
        dimension_value="all",
        opened_at=START + opened * MINUTE,
        breached_until=START + breached * MINUTE,
        resolved_at=None if resolved is None else START + resolved * MINUTE,
        breaches=2,
        summary="Orders rose.",
        last_summary="Orders rose.",
        query=None,
    )
    return alert._replace(**changes)


def paths(svg: str, css: str) -> list[str]:
    return re.findall(rf'<path class="{css}" d="([^"]*)"', svg)


def test_line_goes_through_the_middles_of_its_windows() -> None:
    drawn = chart([0, 2.5, 5])  # the axis ends at 6: a little room above the highest value
    third = (RIGHT - LEFT) / 3
    assert paths(drawn, "line measured") == [
        f"M{LEFT + third / 2:.1f},202.0 L{LEFT + third * 1.5:.1f},122.8 L{LEFT + third * 2.5:.1f},43.7"
    ]
    assert drawn.count("<circle") == 3


@pytest.mark.parametrize(
    ("values", "numbers", "pieces"),
    [
        ([1, 2, 3, 4], (0, 1, 2, 3), 1),
        ([1, 2, None, 4, 5], (0, 1, 2, 3, 4), 2),  # a value that is not known
        ([1, 2, 3, 4], (0, 1, 7, 8), 2),  # windows that are not there
        ([1, None, 3], (0, 1, 2), 0),  # points alone
    ],
)
def test_line_breaks_where_there_is_nothing(
    values: list[float | None], numbers: tuple[int, ...], pieces: int
) -> None:
    drawn = chart(values, *numbers)
    assert len(paths(drawn, "line measured")) == pieces
    assert drawn.count("<circle") == sum(value is not None for value in values)


def test_band_is_drawn_where_both_of_its_ends_are_known() -> None:
    drawn = chart([1, 1, 1, 1], band=[(None, None), (0, 2), (-1, 4), (0, None)])
    quarter = (RIGHT - LEFT) / 4
    second, third = LEFT + quarter * 1.5, LEFT + quarter * 2.5
    # The axis ends at 5; a lower end below 0 is drawn at 0.
    assert paths(drawn, "band") == [
        f"M{second:.1f},126.0 L{third:.1f},50.0 L{third:.1f},202.0 L{second:.1f},202.0 Z"
    ]


def test_every_window_says_what_it_holds() -> None:
    drawn = chart([1, 2, 3])
    boxes = re.findall(r'<rect class="window" x="([\d.]+)" .*?<title>(.*?)</title>', drawn)
    assert boxes == [("58.0", "window 0"), ("280.0", "window 1"), ("502.0", "window 2")]


def test_marks_stand_on_their_values() -> None:
    drawn = chart([1, 5, 0], marks={1: "spike", 2: "silence"})
    marks = re.findall(r'<path class="mark (\w+)" transform="translate\(([\d.]+),([\d.]+)\)"', drawn)
    assert marks == [("spike", "391.0", "43.7"), ("silence", "613.0", "202.0")]


def test_alert_is_filled_while_in_breach_and_hatched_until_resolved() -> None:
    drawn = chart([1] * 10, alerts=[life(2, 4, 7)])
    tenth = (RIGHT - LEFT) / 10
    bars = re.findall(r'<rect class="(tail|breach|shade) error" x="([\d.]+)".*? width="([\d.]+)"', drawn)
    assert bars == [
        ("shade", f"{LEFT + 2 * tenth:.1f}", f"{2 * tenth:.1f}"),
        ("tail", f"{LEFT + 4 * tenth:.1f}", f"{3 * tenth:.1f}"),
        ("breach", f"{LEFT + 2 * tenth:.1f}", f"{2 * tenth:.1f}"),
    ]
    assert "spike, resolved</text>" in drawn
    assert drawn.count('class="resolved"') == 1


def test_open_alert_goes_on_to_the_end_and_has_no_tick() -> None:
    drawn = draw_timeline("Alerts", [life(2, 4, None)], windows(*range(10)))
    (x, width) = map(
        float, re.findall(r'<rect class="tail error" x="([\d.]+)".*? width="([\d.]+)"', drawn)[0]
    )
    assert x + width == pytest.approx(RIGHT, abs=0.1)
    assert "spike, open</text>" in drawn
    assert 'class="resolved"' not in drawn


def test_severities_have_shapes_of_their_own() -> None:
    shapes = [
        re.findall(rf'class="sign {severity}" transform="[^"]*" d="([^"]*)"', drawn)[0]
        for severity in ("critical", "error", "warning", "info")
        for drawn in [draw_timeline("Alerts", [life(0, 1, 2, severity=severity)], [])]
    ]
    assert len(set(shapes)) == 4


def test_severity_that_is_not_known_is_drawn_as_info_and_cannot_break_out() -> None:
    drawn = draw_timeline("Alerts", [life(0, 1, 2, severity='"><script>')], [])
    assert '<rect class="breach info"' in drawn
    assert "<script" not in drawn


def test_alerts_that_would_meet_stand_in_rows_of_their_own() -> None:
    x = Scale(START.timestamp(), (START + 100 * MINUTE).timestamp(), LEFT, RIGHT)
    lanes = place([life(0, 5, 10), life(8, 12, 15), life(60, 61, 62)], x, START + 100 * MINUTE)
    assert [lane.row for lane in lanes] == [0, 1, 0]
    assert rows_of(lanes) == 2
    assert rows_of([]) == 0


def test_words_stand_before_a_bar_that_ends_at_the_edge() -> None:
    x = Scale(START.timestamp(), (START + 100 * MINUTE).timestamp(), LEFT, RIGHT)
    first, last = place([life(0, 5, 10), life(95, 99, 100)], x, START + 100 * MINUTE)
    assert (first.words_before, last.words_before) == (False, True)
    assert last.words_at < last.start


def test_alerts_from_before_the_axis_are_cut_at_its_start() -> None:
    x = Scale(START.timestamp(), (START + 10 * MINUTE).timestamp(), LEFT, RIGHT)
    (lane,) = place([life(-5, 1, 2)], x, START + 10 * MINUTE)
    assert lane.start == LEFT
    assert lane.breach_end == pytest.approx(LEFT + 66.6)


def test_bars_are_as_long_as_their_counts() -> None:
    drawn = draw_bars("Bars", [("invalid_value", 8), ("a reason with a very long name", 2), ("<b>", 0)])
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', drawn)]
    assert widths == [486.0, 121.5, 1.0]
    assert "<title>a reason with a very long name: 2</title>" in drawn
    assert ">a reason with a very long…</text>" in drawn
    assert "&lt;b&gt;" in drawn
    assert "<b>" not in drawn


def test_many_windows_have_no_dots() -> None:
    assert chart([1.0] * 120).count("<circle") == 120
    assert chart([1.0] * 121).count("<circle") == 0
