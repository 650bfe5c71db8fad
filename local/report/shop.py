"""The parts of the page about the shop: orders, revenue and average order value with what was expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from local.report.charts import Line, LineChart, draw_lines
from local.report.findings import OUTSIDE, AlertLife, Findings, Point
from local.report.lanes import title_of
from local.report.legend import legend
from local.report.markup import details, paragraph, section, table
from local.report.scales import write_count, write_money, write_time


class _Metric(NamedTuple):
    name: str
    title: str
    write: Callable[[float | None], str]


_METRICS = (
    _Metric("order_count", "Orders", write_count),
    _Metric("revenue", "Revenue", write_money),
    _Metric("average_order_value", "Average order value", write_money),
)


def shop_sections(findings: Findings) -> list[str]:
    """One section for each metric."""
    return [
        section(metric.name, f"{metric.title} per window", *_metric_parts(metric, findings))
        for metric in _METRICS
    ]


def _metric_parts(metric: _Metric, findings: Findings) -> list[str]:
    points = findings.metrics.get(metric.name, ())
    if not points:
        return [paragraph("There are no windows yet.", "empty")]
    alerts = [
        alert
        for alert in findings.alerts
        if alert.metric == metric.name and alert.dimension == "all" and _is_shown(alert, points)
    ]
    marks = {n: p.verdict for n, p in enumerate(points) if p.verdict is not None and p.verdict in OUTSIDE}
    drawn = draw_lines(
        LineChart(
            label=_label(metric, points, len(marks), len(alerts)),
            windows=[(point.start, point.end) for point in points],
            lines=[
                Line(metric.title, "measured", [point.value for point in points]),
                Line("expected", "expected", [point.expected for point in points]),
            ],
            titles=[_title(metric, point) for point in points],
            band=[(point.low, point.high) for point in points],
            marks=marks,
            alerts=alerts,
            extent=(findings.windows[0][0], findings.windows[-1][1]),
        )
    )
    return [
        paragraph(_shown(findings), "soft"),
        legend("measured", "expected", "band", *sorted(set(marks.values())), *_signs(alerts)),
        drawn,
        details(f"{metric.title}: the figures", _figures(metric, points)),
        *([details(f"{metric.title}: the alerts in words", _in_words(alerts))] if alerts else []),
    ]


def _shown(findings: Findings) -> str:
    said = shown_of(len(findings.windows), findings.windows_in_all, "window")
    if not findings.windows_before:
        return said
    return f"{said} {findings.windows_before:,} earlier ones hold late orders alone; --since shows them."


def shown_of(shown: int, in_all: int, what: str) -> str:
    """Say whether everything is shown."""
    plural = "" if in_all == 1 else "s"
    if shown >= in_all:
        return f"{in_all:,} {what}{plural}, times in UTC."
    return (
        f"The newest {shown:,} of {in_all:,} {what}{plural}, times in UTC; --since and --until show others."
    )


def _label(metric: _Metric, points: Sequence[Point], outside: int, alerts: int) -> str:
    values = [point.value for point in points if point.value is not None] or [0.0]
    return (
        f"Line chart: {metric.title} in {len(points):,} windows from {write_time(points[0].start)} to "
        f"{write_time(points[-1].end)} UTC, from {metric.write(min(values))} to {metric.write(max(values))}; "
        f"{outside} outside of what was expected, {alerts} alerts."
    )


def _title(metric: _Metric, point: Point) -> str:
    expected = (
        ""
        if point.low is None or point.high is None
        else f"; {metric.write(point.low)} to {metric.write(point.high)} expected"
    )
    return (
        f"{write_time(point.start)} to {point.end:%H:%M:%S} UTC: {metric.write(point.value)}"
        f"{expected} ({_verdict(point)})"
    )


def _verdict(point: Point) -> str:
    return (point.verdict or "not judged").replace("_", " ")


def _figures(metric: _Metric, points: Sequence[Point]) -> str:
    return table(
        f"{metric.title} per window, times in UTC",
        ("window start", "window end", metric.title, "expected", "from", "to", "verdict"),
        (
            (
                write_time(point.start),
                write_time(point.end),
                metric.write(point.value),
                metric.write(point.expected),
                metric.write(point.low),
                metric.write(point.high),
                escape(_verdict(point)),
            )
            for point in reversed(points)
        ),
        words=(0, 1, 6),
    )


def _in_words(alerts: Sequence[AlertLife]) -> str:
    return "<ul>" + "".join(f"<li>{escape(title_of(alert))}</li>" for alert in alerts) + "</ul>"


def _is_shown(alert: AlertLife, points: Sequence[Point]) -> bool:
    ended = alert.resolved_at
    return alert.opened_at < points[-1].end and (ended is None or ended > points[0].start)


def _signs(alerts: Sequence[AlertLife]) -> list[str]:
    return ["breach", "tail", "resolved"] if alerts else []
