"""Small pieces of HTML and SVG. Everything that comes from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

SEVERITIES = ("critical", "error", "warning", "info")

_SIGNS = {
    # A diamond, a triangle, a disc, a square: told apart without colour.
    "critical": "M0,-6 L6,0 L0,6 L-6,0 Z",
    "error": "M0,-5.5 L6,5 L-6,5 Z",
    "warning": "M-5,0 A5,5 0 1 1 5,0 A5,5 0 1 1 -5,0 Z",
    "info": "M-4.5,-4.5 H4.5 V4.5 H-4.5 Z",
    # Verdicts on a window: up, down, nothing there.
    "spike": "M0,-6 L6,5 L-6,5 Z",
    "drop": "M0,6 L6,-5 L-6,-5 Z",
    "silence": "M-5,-5 L5,5 M5,-5 L-5,5",
    "resolved": "M-5,0 L-1.5,4 L5,-4",
}


def sign(name: str, x: float, y: float, classes: str) -> str:
    """Return the SVG shape `name` at a point."""
    return f'<path class="{classes}" transform="translate({x:.1f},{y:.1f})" d="{_SIGNS[name]}"/>'


def severity_sign(severity: str) -> str:
    """Return sign and word of a severity, for a line of text."""
    known = severity if severity in SEVERITIES else "info"
    return (
        f'<span class="severity"><svg class="sign" viewBox="-7 -7 14 14" aria-hidden="true">'
        f"{sign(known, 0, 0, f'sign {known}')}</svg>{escape(severity)}</span>"
    )


def line_path(points: Sequence[tuple[float, float]]) -> str:
    """Return the `d` of a path through the points."""
    return "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def svg(width: int, height: int, label: str, classes: str, parts: Iterable[str]) -> str:
    """Return a picture that tells a screen reader `label`."""
    said = f'aria-label="{escape(label)}"'
    return (
        f'<div class="scroll" tabindex="0" role="group" {said}>'
        f'<svg class="chart {classes}" viewBox="0 0 {width} {height}" role="img" {said}>'
        f"{''.join(parts)}</svg></div>"
    )


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[int] = (0,)
) -> str:
    """Return a table of cells that are HTML already; the columns at `words` are aligned left."""
    kinds = ["word" if position in words else "number" for position in range(len(columns))]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(column)}</th>'
        for kind, column in zip(kinds, columns, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def details(summary: str, inside: str) -> str:
    """Return what opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>"


def section(name: str, title: str, *parts: str) -> str:
    """Return a part of the page with its heading; `name` is its anchor."""
    return f'<section id="{name}"><h2>{escape(title)}</h2>{"".join(parts)}</section>'


def paragraph(text: str, classes: str = "") -> str:
    """Return a paragraph of plain text."""
    return f'<p class="{classes}">{escape(text)}</p>' if classes else f"<p>{escape(text)}</p>"
