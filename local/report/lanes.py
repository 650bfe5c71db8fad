"""Alerts as bars on the time axis: filled while in breach, hatched until resolved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import NamedTuple

from local.report.findings import AlertLife
from local.report.markup import SEVERITIES, sign
from local.report.scales import Scale, write_time

LANE_HEIGHT = 20
_LETTER_WIDTH = 6.4
"""Of a 12-pixel letter, on average and a little more."""
_SIGN_WIDTH = 10


class Lane(NamedTuple):
    """An alert, the row it is drawn in, and where its words stand."""

    alert: AlertLife
    row: int
    start: float
    breach_end: float
    end: float
    words: str
    words_at: float
    words_before: bool
    """Whether they end at `words_at`, before the bar, because there is no room behind it."""


def place(alerts: Sequence[AlertLife], x: Scale, until: datetime) -> list[Lane]:
    """Give each alert the first row in which neither its bar nor its words meet another's.

    `x` maps seconds since 1970; open alerts go on to `until`.
    """
    taken: list[list[tuple[float, float]]] = []
    lanes = []
    for alert in sorted(alerts, key=lambda one: (one.opened_at, one.alert_id)):
        start, breach_end, end = (
            min(max(x(moment.timestamp()), x.start), x.end)
            for moment in (alert.opened_at, alert.breached_until, alert.resolved_at or until)
        )
        end = max(end, breach_end, start + 2)
        words = words_of(alert)
        width = len(words) * _LETTER_WIDTH
        before = end + _SIGN_WIDTH + width > x.end and start - _SIGN_WIDTH - width >= x.start
        if before:
            words_at, extent = start - _SIGN_WIDTH, (start - _SIGN_WIDTH - width, end + _SIGN_WIDTH)
        else:
            words_at = end + _SIGN_WIDTH
            extent = (start - _SIGN_WIDTH, words_at + width)
        row = next(
            (number for number, used in enumerate(taken) if not any(_meet(extent, other) for other in used)),
            len(taken),
        )
        if row == len(taken):
            taken.append([])
        taken[row].append(extent)
        lanes.append(Lane(alert, row, start, breach_end, end, words, words_at, before))
    return lanes


def words_of(alert: AlertLife) -> str:
    """Kind, part and state, short enough for a bar."""
    part = "" if alert.dimension == "all" else f" {_short(alert.dimension_value)}"
    return f"{alert.kind}{part}, {'open' if alert.resolved_at is None else 'resolved'}"


def title_of(alert: AlertLife) -> str:
    """The whole life in words."""
    end = "still open" if alert.resolved_at is None else f"resolved {write_time(alert.resolved_at)} UTC"
    windows = f"{alert.breaches} window{'' if alert.breaches == 1 else 's'} in a row"
    return (
        f"{alert.severity}: {alert.about}; opened {write_time(alert.opened_at)} UTC, {windows}, {end}. "
        f"{alert.summary}"
    )


def draw(lanes: Sequence[Lane], top: float) -> list[str]:
    """Return the bars; `top` is the upper edge of the first row."""
    return [_draw_one(lane, top + lane.row * LANE_HEIGHT + LANE_HEIGHT / 2) for lane in lanes]


def rows_of(lanes: Sequence[Lane]) -> int:
    """How many rows they need."""
    return max((lane.row for lane in lanes), default=-1) + 1


def severity_class(alert: AlertLife) -> str:
    """The CSS class of its severity; one that is not known looks like `info`."""
    return alert.severity if alert.severity in SEVERITIES else "info"


def _draw_one(lane: Lane, middle: float) -> str:
    severity = severity_class(lane.alert)
    top = middle - 4
    parts = [
        f"<title>{escape(title_of(lane.alert))}</title>",
        f'<rect class="tail {severity}" x="{lane.breach_end:.1f}" y="{top:.1f}" '
        f'width="{lane.end - lane.breach_end:.1f}" height="8"/>',
        f'<rect class="breach {severity}" x="{lane.start:.1f}" y="{top:.1f}" '
        f'width="{max(2.0, lane.breach_end - lane.start):.1f}" height="8"/>',
        sign(severity, lane.start, middle, f"sign {severity}"),
    ]
    if lane.alert.resolved_at is not None:
        parts.append(sign("resolved", lane.end, middle, "resolved"))
    anchor = ' text-anchor="end"' if lane.words_before else ""
    parts.append(f'<text x="{lane.words_at:.1f}" y="{middle + 4:.1f}"{anchor}>{escape(lane.words)}</text>')
    return f'<g class="alert">{"".join(parts)}</g>'


def _short(text: str) -> str:
    return text if len(text) <= 18 else text[:17] + "…"


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
