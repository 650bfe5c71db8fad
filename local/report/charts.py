"""Charts as SVG text: lines over windows with a band and alerts, bars of counts, alerts over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import pairwise
from typing import NamedTuple

from local.report import lanes
from local.report.findings import AlertLife, Window
from local.report.markup import line_path, sign, svg
from local.report.scales import Scale, number_ticks, time_ticks, write_short, write_tick

WIDTH = 760
_LEFT, _RIGHT, _TOP = 58, 36, 12
"""Half of the text of a tick at the end needs room on the right."""
_PLOT_HEIGHT = 190
_AXIS_HEIGHT = 26
_BAR_HEIGHT = 26
_HEADROOM = 1.04
"""A sign on the highest value needs room."""
_FEW_WINDOWS = 120
"""Up to here every window has its dot."""


class Line(NamedTuple):
    """One line of a chart, a value for each window; None leaves a gap."""

    name: str
    css: str
    values: Sequence[float | None]


class LineChart(NamedTuple):
    """What `draw_lines` needs; all sequences have a value for each window."""

    label: str
    windows: Sequence[Window]
    lines: Sequence[Line]
    titles: Sequence[str]
    """What a pointer over the window shows."""
    write: Callable[[float], str] = write_short
    band: Sequence[tuple[float | None, float | None]] = ()
    marks: Mapping[int, str] = {}
    """Number of a window -> spike, drop or silence: a sign on the first line's value."""
    alerts: Sequence[AlertLife] = ()
    extent: Window | None = None
    """What the time axis shows, if it is more than the windows."""


def draw_lines(chart: LineChart) -> str:
    """Draw the chart; there must be a window."""
    start, end = chart.extent or _extent(chart.windows, chart.alerts)
    x = Scale(start.timestamp(), end.timestamp(), _LEFT, WIDTH - _RIGHT)
    values = [value for line in chart.lines for value in line.values if value is not None]
    values += [high for _, high in chart.band if high is not None]
    ticks = number_ticks(max(values, default=0.0) * _HEADROOM)
    y = Scale(0.0, ticks[-1], _TOP + _PLOT_HEIGHT, _TOP)
    bottom = _TOP + _PLOT_HEIGHT
    placed = lanes.place(chart.alerts, x, end)
    middles = [x((first.timestamp() + last.timestamp()) / 2) for first, last in chart.windows]
    parts = [
        *(_shade(lane, bottom) for lane in placed),
        *_number_axis(ticks, y, chart.write),
        *_band(chart, middles, y),
    ]
    for line in chart.lines:
        parts += _line(line, chart.windows, middles, y)
    for number, verdict in chart.marks.items():
        value = chart.lines[0].values[number]
        parts.append(sign(verdict, middles[number], y(value or 0.0), f"mark {verdict}"))
    for (first, last), title in zip(chart.windows, chart.titles, strict=True):
        left = x(first.timestamp())
        parts.append(
            f'<rect class="window" x="{left:.1f}" y="{_TOP}" width="{x(last.timestamp()) - left:.1f}" '
            f'height="{_PLOT_HEIGHT}"><title>{escape(title)}</title></rect>'
        )
    parts += _time_axis(start, end, x, bottom)
    top = bottom + _AXIS_HEIGHT
    parts += lanes.draw(placed, top)
    return svg(WIDTH, top + lanes.rows_of(placed) * lanes.LANE_HEIGHT + 4, chart.label, "lines", parts)


def draw_timeline(label: str, alerts: Sequence[AlertLife], windows: Sequence[Window]) -> str:
    """Draw the alerts alone, over the time of the windows; there must be an alert."""
    start, end = _extent(windows, alerts)
    x = Scale(start.timestamp(), end.timestamp(), _LEFT, WIDTH - _RIGHT)
    placed = lanes.place(alerts, x, end)
    bottom = _TOP + lanes.rows_of(placed) * lanes.LANE_HEIGHT
    parts = [*_time_axis(start, end, x, bottom), *lanes.draw(placed, _TOP)]
    return svg(WIDTH, bottom + _AXIS_HEIGHT, label, "timeline", parts)


def draw_bars(label: str, bars: Sequence[tuple[str, int]]) -> str:
    """Draw a horizontal bar for each (name, count); there must be one."""
    left = 204
    x = Scale(0.0, float(max(count for _, count in bars)) or 1.0, left, WIDTH - 70)
    parts = []
    for number, (name, count) in enumerate(bars):
        top = number * _BAR_HEIGHT + 4
        short = name if len(name) <= 26 else name[:25] + "…"
        parts.append(
            f'<g class="bar"><title>{escape(f"{name}: {count:,}")}</title>'
            f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(short)}</text>'
            f'<rect x="{left}" y="{top}" width="{max(1.0, x(count) - left):.1f}" height="{_BAR_HEIGHT - 7}"/>'
            f'<text class="value" x="{x(count) + 6:.1f}" y="{top + 14}">{count:,}</text></g>'
        )
    return svg(WIDTH, len(bars) * _BAR_HEIGHT + 4, label, "bars", parts)


def _extent(windows: Sequence[Window], alerts: Sequence[AlertLife]) -> tuple[datetime, datetime]:
    """From the first window to the last; to the last that alerts tell of where there is no window."""
    if windows:
        return windows[0][0], max(end for _, end in windows)
    ends = [alert.resolved_at or alert.breached_until for alert in alerts]
    return min(alert.opened_at for alert in alerts), max(ends)


def _shade(lane: lanes.Lane, bottom: float) -> str:
    return (
        f'<rect class="shade {lanes.severity_class(lane.alert)}" x="{lane.start:.1f}" y="{_TOP}" '
        f'width="{max(2.0, lane.breach_end - lane.start):.1f}" height="{bottom - _TOP}"/>'
    )


def _band(chart: LineChart, middles: Sequence[float], y: Scale) -> list[str]:
    """A polygon for each row of windows in which both ends of the band are known."""
    known = [low is not None and high is not None for low, high in chart.band]
    polygons = []
    for run in _runs(chart.windows, known):
        ends = [(middles[n], chart.band[n]) for n in run]
        upper = [(x, y(high or 0.0)) for x, (_, high) in ends]
        lower = [(x, y(max(0.0, low or 0.0))) for x, (low, _) in reversed(ends)]
        polygons.append(f'<path class="band" d="{line_path(upper + lower)} Z"/>')
    return polygons


def _line(line: Line, windows: Sequence[Window], middles: Sequence[float], y: Scale) -> list[str]:
    parts = []
    for run in _runs(windows, [value is not None for value in line.values]):
        points = [(middles[n], y(line.values[n] or 0.0)) for n in run]
        if len(points) > 1:
            parts.append(f'<path class="line {line.css}" d="{line_path(points)}"/>')
        if len(points) == 1 or (len(windows) <= _FEW_WINDOWS and line.css != "expected"):
            parts += [
                f'<circle class="dot {line.css}" cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in points
            ]
    return parts


def _runs(windows: Sequence[Window], known: Sequence[bool]) -> list[list[int]]:
    """Numbers of windows that follow each other and are all known."""
    numbers = [number for number, is_known in enumerate(known) if is_known]
    runs = [[number] for number in numbers[:1]]
    for before, number in pairwise(numbers):
        if number == before + 1 and windows[number][0] <= windows[before][1]:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _number_axis(ticks: Sequence[float], y: Scale, write: Callable[[float], str]) -> list[str]:
    return [
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{write(tick)}</text>'
        for tick in ticks
    ]


def _time_axis(start: datetime, end: datetime, x: Scale, bottom: float) -> list[str]:
    axis = f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>'
    return [axis] + [
        f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
        f'<text x="{at:.1f}" y="{bottom + 19}" text-anchor="middle">'
        f"{write_tick(tick, start, end)}</text>"
        for tick, at in ((tick, x(tick.timestamp())) for tick in time_ticks(start, end))
    ]
