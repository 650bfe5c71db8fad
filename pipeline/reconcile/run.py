"""One reconciliation: each side is read once, then judged."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.clock import now_us
from pipeline.contract import load_contract
from pipeline.errors import PipelineError, UsageError, in_one_line
from pipeline.parse import Parser
from pipeline.progress import Progress
from pipeline.reconcile.archive import read_published
from pipeline.reconcile.books import Archive, Books, Counted, Key
from pipeline.reconcile.findings import COUNTED_TOO_FEW, NOT_YET_COUNTED, Finding
from pipeline.reconcile.judge import judge
from pipeline.reconcile.ledger import finished_s, read_ledger, window_seconds
from pipeline.reconcile.manifest import compare
from pipeline.reconcile.options import ReconcileJob
from pipeline.reconcile.report import Reconciliation
from pipeline.reconcile.scratch import LOOKUP_IDS, Scratch
from pipeline.reconcile.span import Span
from pipeline.reconcile.warehouse import Warehouse
from pipeline.rfc3339 import MAX_US, MIN_US
from pipeline.transforms.parsing import parser_of

MAX_LOOKUPS = 20
"""Questions for ids of missing messages. Each reads the ids of a whole table: if more, they are read once."""
MAX_NAMED = 20
"""Windows that the ledger lacks, for which ids are looked up: each is two questions."""


def reconcile(job: ReconcileJob) -> Reconciliation:
    """Compare all sides.

    Raises UsageError for a dataset that lacks a table, PipelineError for BigQuery or a file that fails, and
    sqlite3.OperationalError for a disk that does.
    """
    contract = load_contract(job.parse.schemas_path)
    parser = parser_of(job.parse)
    warehouse = Warehouse(job.dataset, contract)
    steps = _Steps()
    with Progress(lambda: steps.now):
        span = _span(job, warehouse)
        now_s = now_us() // 1_000_000
        if job.until_finished:
            ends_s = finished_s(warehouse, span.since_s, now_s, job.run_id)
            if ends_s is None:
                raise UsageError("--until=finished: the ledger has finished no window since then.")
            span = span._replace(until_s=ends_s // span.window_seconds * span.window_seconds)
            if span.until_s <= span.since_s:
                raise UsageError(
                    f"--until=finished: the ledger has finished no whole {span.window_seconds} s since then."
                )
        with (
            tempfile.TemporaryDirectory(prefix="reconcile-") as folder,
            Scratch(Path(folder), span.window_seconds, span.since_s, span.until_s) as scratch,
        ):
            # In the order in which a message goes, so that none is looked for before it can be there.
            if job.files is not None:
                warehouse.check([*warehouse.tables.values(), "dead_letters"])  # before minutes of reading
                _read_files(job, parser, scratch, steps)
            steps.now = "reading the ledger"
            ends_s = finished_s(warehouse, span.since_s, now_s, job.run_id)
            ledger = read_ledger(warehouse, span, job.run_id)
            steps.now = "counting rows"
            events = warehouse.events(span)
            letters, undated_letters = warehouse.letters(span)
            archive = None if job.files is None else _compare_ids(warehouse, span, scratch, ends_s, steps)
        books = Books(
            span.window_seconds,
            ends_s,
            warehouse.tables,
            ledger,
            events,
            letters,
            undated_letters,
            archive,
            job.run_id is not None,
        )
        findings = list(_named(warehouse, books, judge(books)))
        if job.manifest is not None:
            findings += compare(job.manifest, ledger, warehouse.replayed(span))
        steps.now = "looking at the views"
        findings += warehouse.shown_twice(span)
    return Reconciliation(span, books, tuple(sorted(findings, key=lambda each: not each.kind.is_gap)))


def _named(warehouse: Warehouse, books: Books, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Where the ledger knows nothing of a window at all, whatever is in the tables is what it lacks."""
    asked = 0
    for finding in findings:
        if finding.kind in (COUNTED_TOO_FEW, NOT_YET_COUNTED) and finding.start_s is not None:
            key = Key(finding.start_s, finding.event_type or "")
            if books.ledger.get(key, Counted()).received == 0 and asked < MAX_NAMED:
                asked += 1
                message_ids, event_ids = warehouse.some_ids(key, books.window_seconds)
                finding = finding._replace(message_ids=message_ids, event_ids=event_ids)
        yield finding


class _Steps:
    """What is being done, for the progress line."""

    def __init__(self) -> None:
        self.now = "reading the ledger"
        self.count = 0

    def seen(self, count: int) -> None:
        """More messages were read."""
        self.count += count
        self.now = f"{self.count:,} messages read from files"


def _span(job: ReconcileJob, warehouse: Warehouse) -> Span:
    """Whole windows: the ledger cannot tell what happened in a part of one."""
    given = Span(job.since_us // 1_000_000, -(-job.until_us // 1_000_000), 1)
    seconds = window_seconds(warehouse, given, job.window_seconds)
    since_s = max(given.since_s // seconds * seconds, MIN_US // 1_000_000)
    until_s = min(-(-given.until_s // seconds) * seconds, MAX_US // 1_000_000)
    return Span(since_s, until_s, seconds)


def _read_files(job: ReconcileJob, parser: Parser, scratch: Scratch, steps: _Steps) -> None:
    try:
        for messages in read_published(job.files or (), parser, steps.seen):
            scratch.add_messages(messages)
    except OSError as error:
        raise PipelineError(f"--input_path: a file cannot be read: {in_one_line(error)}") from error


def _compare_ids(
    warehouse: Warehouse, span: Span, scratch: Scratch, ends_s: int | None, steps: _Steps
) -> Archive:
    """Look for each message of the files, first among the rows of the range, then among all."""
    for event_type, table in warehouse.tables.items():
        steps.now = f"reading the ids of {table}"
        scratch.add_rows(event_type, warehouse.event_ids(span, event_type))
    steps.now = "reading the ids of dead_letters"
    scratch.add_letters(warehouse.letter_ids(span))
    steps.now = "looking for what is missing"
    missing = scratch.find_missing(ends_s)
    if sum(missing.values()) > MAX_LOOKUPS * LOOKUP_IDS:
        _read_all_ids(warehouse, scratch, missing, steps)
        return scratch.archive()
    for events, message_ids in scratch.missing_ids():
        for event_type in warehouse.tables:
            ids = [event_id for kind, event_id in events if kind == event_type]
            if ids:
                scratch.add_rows(event_type, warehouse.known_events(event_type, ids))
        for start in range(0, len(message_ids), LOOKUP_IDS):
            scratch.add_letters(warehouse.known_letters(message_ids[start : start + LOOKUP_IDS]))
    return scratch.archive()


def _read_all_ids(warehouse: Warehouse, scratch: Scratch, missing: Mapping[str, int], steps: _Steps) -> None:
    for event_type, number in missing.items():
        if event_type in warehouse.tables:
            table = warehouse.tables[event_type]
            steps.now = f"reading all ids of {table}, since {number:,} messages are missing"
            scratch.add_rows(event_type, warehouse.known_events(event_type))
    steps.now = "reading all ids of dead_letters"
    scratch.add_letters(warehouse.known_letters())
