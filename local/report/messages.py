"""The parts of the page about messages: dead letters, the ledger, latency."""

from __future__ import annotations

from html import escape

from local.report.charts import Line, LineChart, draw_bars, draw_lines
from local.report.findings import Findings, Latency, LedgerRow
from local.report.legend import legend
from local.report.markup import details, paragraph, section, table
from local.report.scales import write_ms, write_time
from local.report.shop import shown_of

MOST_REASONS = 20


def dead_letters_section(findings: Findings) -> str:
    """Why messages were refused: a bar for each reason, and its newest example."""
    reasons = findings.reasons
    if not reasons:
        return section("dead_letters", "Dead letters", paragraph("No message was refused.", "empty"))
    letters = sum(reason.letters for reason in reasons)
    label = f"Bar chart: {letters:,} dead letters by reason, most of them {reasons[0].reason}."
    said = f"{letters:,} dead letters for {len(reasons)} reason{'' if len(reasons) == 1 else 's'}."
    if len(reasons) > MOST_REASONS:
        said += f" The picture shows the {MOST_REASONS} most frequent."
    return section(
        "dead_letters",
        "Dead letters",
        paragraph(said, "soft"),
        draw_bars(label, [(reason.reason, reason.letters) for reason in reasons[:MOST_REASONS]]),
        details(
            "Dead letters: the figures, with an example of each",
            table(
                "Dead letters by reason, with the newest example; times in UTC",
                ("reason", "stage", "dead letters", "newest", "example"),
                (
                    (
                        escape(reason.reason),
                        escape(reason.stage),
                        f"{reason.letters:,}",
                        write_time(reason.failed_at),
                        escape(f"{reason.path or '(message)'}: {reason.example}"),
                    )
                    for reason in reasons
                ),
                words=(0, 1, 3, 4),
            ),
        ),
    )


def ledger_section(findings: Findings) -> str:
    """received = accepted + duplicates + rejected, and whether it holds."""
    if not findings.ledger:
        return section("ledger", "The ledger", paragraph("There is no ledger yet.", "empty"))
    total = LedgerRow(
        "all", *(sum(column) for column in zip(*(row[1:] for row in findings.ledger), strict=True))
    )
    return section(
        "ledger",
        "The ledger",
        paragraph("received = accepted + duplicates + rejected, for every event type.", "soft"),
        table(
            "Messages by event type",
            ("event type", "received", "accepted", "duplicates", "rejected", "verdict"),
            (
                (escape(row.event_type), *(f"{count:,}" for count in row[1:]), _verdict(row.gap))
                for row in (*findings.ledger, total)
            ),
            words=(0, 5),
        ),
    )


def latency_section(findings: Findings) -> str:
    """Publish to processed, in three percentiles."""
    rows = findings.latency
    if not rows:
        return section(
            "latency", "Latency", paragraph("There are no windows of a streaming run yet.", "empty")
        )
    most = max((row.p99 for row in rows if row.p99 is not None), default=None)
    return section(
        "latency",
        "Latency, publish to processed",
        paragraph(
            "Of each window the event type that was slowest. "
            + shown_of(len({row.start for row in rows}), findings.latency_windows_in_all, "window"),
            "soft",
        ),
        legend("p50", "p95", "p99"),
        draw_lines(
            LineChart(
                label=f"Line chart: latency p50, p95 and p99 in {len(rows):,} windows from "
                f"{write_time(rows[0].start)} to {write_time(rows[-1].end)} UTC; the highest p99 is "
                f"{write_ms(most)}.",
                windows=[(row.start, row.end) for row in rows],
                lines=[
                    Line("p50", "first", [row.p50 for row in rows]),
                    Line("p95", "second", [row.p95 for row in rows]),
                    Line("p99", "third", [row.p99 for row in rows]),
                ],
                titles=[_title(row) for row in rows],
                write=write_ms,
            )
        ),
        details(
            "Latency: the figures",
            table(
                "Latency per window in ms, times in UTC",
                ("window start", "window end", "p50", "p95", "p99"),
                (
                    (
                        write_time(row.start),
                        write_time(row.end),
                        write_ms(row.p50),
                        write_ms(row.p95),
                        write_ms(row.p99),
                    )
                    for row in reversed(rows)
                ),
                words=(0, 1),
            ),
        ),
    )


def _title(row: Latency) -> str:
    return (
        f"{write_time(row.start)} to {row.end:%H:%M:%S} UTC: p50 {write_ms(row.p50)}, "
        f"p95 {write_ms(row.p95)}, p99 {write_ms(row.p99)}"
    )


def _verdict(gap: int) -> str:
    if gap == 0:
        return '<span class="good">✓ balanced</span>'
    return f'<span class="bad">✗ {abs(gap):,} {"not accounted for" if gap > 0 else "too many"}</span>'
