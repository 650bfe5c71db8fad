"""The parts of the page about alerts: the open ones, all over time, the newest as a table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from local.report.charts import draw_timeline
from local.report.findings import AlertLife, Findings, Window
from local.report.lanes import severity_class
from local.report.legend import legend
from local.report.markup import details, paragraph, section, severity_sign, table
from local.report.scales import write_time

MOST_BARS = 30
"""Alerts in the picture; all are in the table."""


def open_alerts_section(findings: Findings) -> str:
    """A card for each alert that has not been resolved."""
    still_open = [alert for alert in findings.alerts if alert.resolved_at is None]
    cards = [_card(alert) for alert in still_open] or [paragraph("No alert is open.", "empty")]
    return section("open_alerts", "Open alerts", *cards)


def alerts_section(findings: Findings) -> str:
    """Alerts as bars over time and as a table."""
    if not findings.alerts:
        return section("alerts", "Alerts", paragraph("There are no alerts.", "empty"))
    windows = _windows(findings)
    newest = sorted(findings.alerts, key=lambda alert: alert.opened_at, reverse=True)
    drawn = [
        alert
        for alert in findings.alerts
        if not windows or (alert.resolved_at or windows[-1][1]) > windows[0][0]
    ][:MOST_BARS]
    count = findings.alerts_in_all
    said = f"{count:,} alert{'' if count == 1 else 's'}"
    if len(findings.alerts) < count:
        said += f"; here are {len(findings.alerts):,}: those that are open, then the newest"
    if len(drawn) < len(findings.alerts):
        said += f"; the picture shows {len(drawn):,}, the open ones first"
    return section(
        "alerts",
        "Alerts over time",
        paragraph(f"{said}. A bar is filled while windows were outside of what was expected.", "soft"),
        legend("critical", "error", "warning", "info", "tail", "resolved"),
        draw_timeline(_label(drawn), drawn, windows) if drawn else "",
        _table(newest),
    )


def _label(alerts: Sequence[AlertLife]) -> str:
    still_open = sum(alert.resolved_at is None for alert in alerts)
    return f"Timeline of {len(alerts)} alerts, {still_open} of them open; the table below says the same."


def _windows(findings: Findings) -> list[Window]:
    return findings.windows or [(row.start, row.end) for row in findings.latency]


def _card(alert: AlertLife) -> str:
    windows = f"{alert.breaches} window{'' if alert.breaches == 1 else 's'} in a row"
    return (
        f'<div class="card {severity_class(alert)}"><p>{severity_sign(alert.severity)}, '
        f"{escape(alert.about)}, since {write_time(alert.opened_at)} UTC, {windows}</p>"
        f"<p>{escape(alert.last_summary)}</p>{_query(alert)}</div>"
    )


def _query(alert: AlertLife) -> str:
    if not alert.query:
        return ""
    return details("Query", f"<pre><code>{escape(alert.query)}</code></pre>")


def _table(alerts: Sequence[AlertLife]) -> str:
    return table(
        "Alerts, the newest first, times in UTC",
        ("opened", "severity", "alert", "breaches", "resolved", "what"),
        (
            (
                write_time(alert.opened_at),
                severity_sign(alert.severity),
                escape(alert.about),
                f"{alert.breaches:,}",
                "open" if alert.resolved_at is None else write_time(alert.resolved_at),
                _what(alert),
            )
            for alert in alerts
        ),
        words=(0, 1, 2, 4, 5),
    )


def _what(alert: AlertLife) -> str:
    said = escape(alert.summary)
    if alert.last_summary != alert.summary:
        said += f"<br>{escape(alert.last_summary)}"
    return said + _query(alert)
