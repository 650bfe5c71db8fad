"""What is to go: looked up and written down."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pipeline.erase import lake
from pipeline.erase.lake import Finding
from pipeline.erase.options import EraseJob
from pipeline.erase.statements import RAW_EVENTS, Deletion, of_events, of_letters, of_loads
from pipeline.erase.warehouse import Warehouse
from pipeline.errors import UsageError

SQL_FILE, OBJECTS_FILE = "erase.sql", "objects.txt"
_HEADER = """\
-- Removes one person from the tables. Holds the person's ids: delete this file when all is done.
-- Rows that were written a moment ago cannot be deleted yet: run it again after 90 minutes.
"""


class Plan(NamedTuple):
    """Everything in which the person was found."""

    rows: list[tuple[Deletion, int]]
    """With how many rows each deletion finds."""
    loads: list[str]
    """Statements that record changed files of the archive."""
    findings: list[Finding]
    letter_ids: frozenset[str]
    unread: list[str]
    objects: int
    """Objects that were looked into."""


def make_plan(job: EraseJob, progress: Callable[[str], None]) -> Plan:
    """Look everywhere and change nothing. Raises UsageError, BigQueryUnavailable, PipelineError."""
    person, warehouse = job.person, Warehouse(job.dataset) if job.dataset else None
    letter_ids: set[str] = set()
    deletions: list[Deletion] = []
    if warehouse is not None:
        progress("reading tables")
        has_raw_events = warehouse.has(RAW_EVENTS)
        deletions += [
            each for each in of_events(job.contract, person) if each.table != RAW_EVENTS or has_raw_events
        ]
        letter_ids |= warehouse.letters_of(person)
    letter_ids |= lake.letters_in_rows(job.root, person)

    def tell(count: int) -> None:
        progress(f"{count:,} objects read")

    letters = lake.scan([lake.letter_folder(job.root)], person, letter_ids, tell)
    letter_ids |= {finding.letter_id for finding in letters.findings}
    folders = [
        *lake.event_folders(job.root, job.contract, person),
        lake.archive_folder(job.root),
        lake.letter_rows_folder(job.root),
    ]
    others = lake.scan(folders, person, letter_ids, tell)
    findings = letters.findings + others.findings
    rows: list[tuple[Deletion, int]] = []
    loads: list[str] = []
    if warehouse is not None:
        rows = [(each, warehouse.count(each)) for each in (*deletions, *of_letters(letter_ids))]
        loads = list(of_loads([each.change for each in findings if each.change], warehouse.dataset))
    return Plan(
        [(deletion, count) for deletion, count in rows if count],
        loads,
        findings,
        frozenset(letter_ids),
        letters.unread + others.unread,
        letters.objects + others.objects,
    )


def write_plan(plan: Plan, job: EraseJob) -> None:
    """Write the statements and the list of objects for whoever reviews them. Raises UsageError."""
    folder = Path(job.plan)
    statements = [
        f"-- {count:,} rows\n{deletion.statement(job.dataset or '')};\n" for deletion, count in plan.rows
    ]
    statements += [
        f"-- So that the next backfill leaves a changed file out.\n{each};\n" for each in plan.loads
    ]
    objects = [f"{each.removed}\t{each.kept}\t{each.stored.path}\n" for each in plan.findings]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_private(folder / SQL_FILE, _HEADER + "".join(statements))
        _write_private(folder / OBJECTS_FILE, "removed\tkept\tobject\n" + "".join(objects))
    except OSError as error:
        raise UsageError(f"--plan={job.plan} cannot be written: {error.strerror}.") from error


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def summary(plan: Plan, job: EraseJob) -> list[str]:
    """Return what was found, line by line, without the person's ids."""
    rows: Counter[str] = Counter()
    for deletion, count in plan.rows:
        rows[deletion.table] += count
    lines = [f"{count:>9,}  rows of {table}" for table, count in rows.items()]
    folders: dict[str, list[Finding]] = {}
    for finding in plan.findings:
        folders.setdefault(finding.stored.path[len(job.root) + 1 :].split("/")[0], []).append(finding)
    for folder, findings in folders.items():
        removed, gone = sum(each.removed for each in findings), sum(not each.kept for each in findings)
        lines.append(
            f"{removed:>9,}  entries of {len(findings):,} objects under {folder}/; {gone:,} of the objects go"
        )
    return lines or ["nothing is found of this person"]
