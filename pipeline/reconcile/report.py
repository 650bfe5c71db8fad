"""What a person or a program reads of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from pipeline.reconcile.books import Books
from pipeline.reconcile.findings import Finding
from pipeline.reconcile.span import Span
from pipeline.replay.report import printable
from pipeline.rfc3339 import format_rfc3339

MAX_LINES = 100
_COLUMNS = (
    "event type",
    "published",
    "received",
    "accepted",
    "duplicates",
    "rejected",
    "rows",
    "events",
    "dead letters",
)


class Reconciliation(NamedTuple):
    """What was compared, and what does not agree."""

    span: Span
    books: Books
    findings: tuple[Finding, ...]

    @property
    def gaps(self) -> tuple[Finding, ...]:
        """The findings that keep it from being balanced."""
        return tuple(each for each in self.findings if each.kind.is_gap)


def text_lines(found: Reconciliation) -> list[str]:
    """The comparison's range, its totals by event type, a line for each finding, and the verdict."""
    span, gaps = found.span, found.gaps
    lines = [
        f"published from {_time(span.since_s)} to {_time(span.until_s)}, windows of {span.window_seconds} s; "
        + (
            "the ledger has finished none of them"
            if found.books.finished_s is None
            else f"the ledger has finished those that end by {_time(found.books.finished_s)}"
        ),
        *_table([list(_COLUMNS), *(list(map(_cell, row.values())) for row in totals(found.books))]),
    ]
    for finding in found.findings[:MAX_LINES]:
        when = "" if finding.start_s is None else f" {_time(finding.start_s)}"
        of_type = "" if finding.event_type is None else f" {printable(finding.event_type)}"
        gap = "gap " if finding.kind.is_gap else "note"
        what = f"{finding.kind.stage}: {finding.number:,} {finding.kind.word}{when}{of_type}"
        lines.append(f"{gap}  {what}. {finding.said}")
        lines += _ids("message ids", finding.message_ids) + _ids("event ids", finding.event_ids)
    if len(found.findings) > MAX_LINES:
        lines.append(f"      and {len(found.findings) - MAX_LINES:,} findings more: --json prints all")
    if gaps:
        kinds = sorted({each.kind.word for each in gaps})
        lines.append(
            f"not balanced: {len(gaps):,} {'gap' if len(gaps) == 1 else 'gaps'} ({', '.join(kinds)})"
        )
    else:
        lines.append("balanced")
    return lines


def to_json(found: Reconciliation) -> str:
    """The same as one JSON object."""
    span, finished_s = found.span, found.books.finished_s
    answer = {
        "balanced": not found.gaps,
        "since": _time(span.since_s),
        "until": _time(span.until_s),
        "window_seconds": span.window_seconds,
        "ledger_finished": None if finished_s is None else _time(finished_s),
        "totals": totals(found.books),
        "findings": [
            {
                "finding": each.kind.word,
                "stage": each.kind.stage,
                "is_gap": each.kind.is_gap,
                "window_start": None if each.start_s is None else _time(each.start_s),
                "event_type": each.event_type,
                "count": each.number,
                "said": each.said,
                "message_ids": each.message_ids,
                "event_ids": each.event_ids,
            }
            for each in found.findings
        ],
    }
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()


def totals(books: Books) -> list[dict[str, Any]]:
    """Every side's sum by event type; published is None without files."""
    published: dict[str, int] = {}
    archive = books.archive
    if archive is not None:
        for key, each in archive.published.items():
            published[key.event_type] = published.get(key.event_type, 0) + each.messages
        for event_type, each in archive.undated.items():
            published[event_type] = published.get(event_type, 0) + each.messages
    types = {key.event_type for side in (books.ledger, books.events, books.letters) for key in side}
    rows = []
    for event_type in sorted(types | set(published) | set(books.undated_letters)):
        counted = [each for key, each in books.ledger.items() if key.event_type == event_type]
        stored = [each for key, each in books.events.items() if key.event_type == event_type]
        letters = [each for key, each in books.letters.items() if key.event_type == event_type]
        undated = books.undated_letters.get(event_type, 0)
        rows.append(
            {
                "event_type": event_type,
                "published": None if archive is None else published.get(event_type, 0),
                "received": sum(each.received for each in counted),
                "accepted": sum(each.accepted for each in counted),
                "duplicates": sum(each.duplicates for each in counted),
                "rejected": sum(each.rejected for each in counted),
                "rows": sum(each.rows for each in stored),
                "events": sum(each.different for each in stored),
                "dead_letters": sum(each.different for each in letters) + undated,
            }
        )
    return rows


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else printable(value)


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _ids(what: str, ids: Iterable[str]) -> list[str]:
    named = ", ".join(map(printable, ids))
    return [f"      {what}: {named}"] if named else []


def _time(time_s: int) -> str:
    return format_rfc3339(time_s * 1_000_000).replace(".000000", "")
