"""The page as a whole: one file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from html import escape
from pathlib import Path

from local.report.alerts import alerts_section, open_alerts_section
from local.report.findings import Findings
from local.report.messages import dead_letters_section, latency_section, ledger_section
from local.report.queries import Between
from local.report.scales import NOTHING, write_count, write_ms, write_time
from local.report.shop import shop_sections

TITLE = "What the pipeline saw"
_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_ANCHORS = {
    "open_alerts": "Open alerts",
    "order_count": "Orders",
    "revenue": "Revenue",
    "average_order_value": "Average order value",
    "alerts": "Alerts",
    "dead_letters": "Dead letters",
    "ledger": "Ledger",
    "latency": "Latency",
}


def write_page(findings: Findings, between: Between, made_at: datetime) -> str:
    """Return the HTML; what is empty says so."""
    sections = [
        open_alerts_section(findings),
        *shop_sections(findings),
        alerts_section(findings),
        dead_letters_section(findings),
        ledger_section(findings),
        latency_section(findings),
    ]
    links = "".join(f'<a href="#{anchor}">{escape(words)}</a>' for anchor, words in _ANCHORS.items())
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{content_security_policy()}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="referrer" content="no-referrer"><title>{TITLE}</title><style>{_STYLE}</style></head>\n'
        f'<body><header><h1>{TITLE}</h1><p class="soft">{escape(_about(findings, between, made_at))}</p>'
        f'{_tiles(findings)}<nav aria-label="Sections">{links}</nav></header>\n<main>\n'
        + "\n".join(sections)
        + "\n</main></body></html>\n"
    )


def content_security_policy() -> str:
    """Return the policy that lets a browser load nothing and run nothing; our own style alone applies."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _about(findings: Findings, between: Between, made_at: datetime) -> str:
    ends = [
        f"{word} {write_time(moment)}"
        for word, moment in (("since", between.since), ("until", between.until))
        if moment is not None
    ]
    asked = f", {' '.join(ends)} as asked" if ends else ""
    points = findings.metrics.get("order_count", ())
    seen = (
        f"Windows from {write_time(points[0].start)} to {write_time(points[-1].end)}"
        if points
        else "No windows"
    )
    return f"{seen}{asked}. Made {write_time(made_at)}. All times in UTC."


def _tiles(findings: Findings) -> str:
    """The few figures that tell whether to read on."""
    orders = sum(point.value or 0.0 for point in findings.metrics.get("order_count", ()))
    revenue = sum(point.value or 0.0 for point in findings.metrics.get("revenue", ()))
    received = sum(row.received for row in findings.ledger)
    rejected = sum(row.rejected for row in findings.ledger)
    gaps = sum(abs(row.gap) for row in findings.ledger)
    slowest = max((row.p95 for row in findings.latency if row.p95 is not None), default=None)
    still_open = sum(alert.resolved_at is None for alert in findings.alerts)
    tiles = {
        "Orders": write_count(orders),
        "Revenue": f"{revenue / 1e6:,.2f}M" if revenue >= 1e6 else write_count(round(revenue)),
        "Messages": write_count(received),
        "Rejected": f"{rejected / received:.1%}" if received else NOTHING,
        "Ledger": (NOTHING if not findings.ledger else "balanced" if gaps == 0 else f"{gaps:,} off"),
        "Highest p95": write_ms(slowest),
        "Open alerts": f"{still_open} of {findings.alerts_in_all:,}",
    }
    return (
        '<dl class="tiles">'
        + "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in tiles.items())
        + "</dl>"
    )
