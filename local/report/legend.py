"""What lines, shapes and colours of a chart mean."""

from __future__ import annotations

from html import escape

from local.report.markup import sign

_LINE = '<path class="line {css}" d="M1,0 H25"/>'
_BOX = '<rect class="{css}" x="1" y="-4" width="24" height="8"/>'

_ENTRIES = {
    "measured": ("measured", _LINE.format(css="measured")),
    "expected": ("expected", _LINE.format(css="expected")),
    "band": ("expected range", _BOX.format(css="band")),
    "spike": ("more than expected", sign("spike", 13, 0, "mark spike")),
    "drop": ("less than expected", sign("drop", 13, 0, "mark drop")),
    "silence": ("silence", sign("silence", 13, 0, "mark silence")),
    "breach": ("alert: windows outside", _BOX.format(css="breach info")),
    "tail": ("waiting for its end", _BOX.format(css="tail info")),
    "resolved": ("resolved", sign("resolved", 13, 0, "resolved")),
    "critical": ("critical", sign("critical", 13, 0, "sign critical")),
    "error": ("error", sign("error", 13, 0, "sign error")),
    "warning": ("warning", sign("warning", 13, 0, "sign warning")),
    "info": ("info", sign("info", 13, 0, "sign info")),
    "p50": ("p50", _LINE.format(css="first")),
    "p95": ("p95", _LINE.format(css="second")),
    "p99": ("p99", _LINE.format(css="third")),
}


def legend(*names: str) -> str:
    """Return the legend of these entries, in this order."""
    entries = (
        f'<li><svg viewBox="0 -7 26 14" aria-hidden="true">{picture}</svg>{escape(words)}</li>'
        for words, picture in (_ENTRIES[name] for name in names)
    )
    return f'<ul class="legend">{"".join(entries)}</ul>'
