"""The demo's figures as tables on the console."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.demo_checks import Check
from local.demo_figures import Figures


def print_report(console: Console, figures: Figures, checks: list[Check]) -> None:
    """Print rows, reasons, windows, alerts, latency and the ledger."""
    rows = _table("Rows per table", "table", "rows")
    for name, count in figures.table_rows.items():
        rows.add_row(name, f"{count:,}")
    for event_type, count in figures.lake_rows.items():
        rows.add_row(f"lake processed/event_type={event_type}", f"{count:,}")
    console.print(rows)

    reasons = _table("Why messages were refused", "reason", "letters", "example")
    for row in figures.reasons:
        reasons.add_row(
            row["reason"], f"{row['letters']:,}", escape(f"{row['path'] or '(message)'}: {row['example']}")
        )
    console.print(reasons)

    windows = _table("The last windows", "window (UTC)", "orders", "revenue", "average", "customers", "late")
    for row in figures.windows:
        windows.add_row(
            f"{row['window_start']:%H:%M:%S}",
            f"{row['order_count']:,}",
            _money(row["revenue"]),
            _money(row["average_order_value"]),
            f"{row['unique_customers']:,}",
            f"{row['late_count']:,}",
        )
    console.print(windows)

    alerts = _table(
        f"Alerts: {len(figures.alerts)}, of which the function told {figures.alerts_delivered} times (UTC)",
        "opened",
        "arrived",
        "resolved",
        "breaches",
        "severity",
        "kind",
        "incident",
        "what",
    )
    for row in figures.alerts:
        alerts.add_row(
            _clock(row["opened_at"]),
            _clock(row["arrived_at"]),
            _clock(row["resolved_at"]),
            f"{row['breaches']:,}",
            row["severity"],
            row["kind"],
            row["incident"] or "none",
            escape(row["summary"]),
        )
    console.print(alerts)

    latency = figures.pipeline["publish_to_row_ms"]
    console.print(
        f"\nPublish to row: p50 {latency['p50']:,.0f} ms, p95 {latency['p95']:,.0f} ms, "
        f"p99 {latency['p99']:,.0f} ms"
    )
    _print_ledger(console, figures, checks)


def _print_ledger(console: Console, figures: Figures, checks: list[Check]) -> None:
    ledger = _table("The ledger", "event type", "received", "accepted", "duplicates", "rejected", "late")
    words = ("received", "accepted", "duplicates", "rejected", "late")
    for event_type, counts in figures.ledger.items():
        ledger.add_row(event_type, *(f"{counts[word]:,}" for word in words))
    console.print(ledger)
    total = {word: sum(counts[word] for counts in figures.ledger.values()) for word in words}
    broken = [check for check in checks if not check.holds]
    for check in broken:
        console.print(f"[red]does not hold:[/] {escape(check.what)}: {check.left:,} against {check.right:,}")
    verdict = "[green]balanced[/]" if not broken else "[red]not balanced[/]"
    console.print(
        f"published {figures.manifest['published']:,} = accepted {total['accepted']:,} + duplicates "
        f"{total['duplicates']:,} + rejected {total['rejected']:,}; "
        f"{len(checks) - len(broken)} of {len(checks)} equations hold: [bold]{verdict}[/]"
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
    for position, column in enumerate(columns):
        words = position == 0 or column in ("example", "what", "kind", "severity", "incident")
        table.add_column(column, justify="left" if words else "right", overflow="fold")
    return table


def _clock(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%H:%M:%S}"


def _money(value: Any) -> str:
    return "overflow" if value is None else f"{value:,.2f}"
