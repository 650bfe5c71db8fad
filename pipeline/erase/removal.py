"""A plan is carried out, in an order in which it can be stopped anywhere and done again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pipeline.erase import lake
from pipeline.erase.lake import Finding
from pipeline.erase.options import EraseJob
from pipeline.erase.plan import Plan
from pipeline.erase.statements import DEAD_LETTERS
from pipeline.erase.warehouse import StillStreaming, Warehouse
from pipeline.errors import PipelineError


def carry_out(plan: Plan, job: EraseJob, progress: Callable[[str], None]) -> list[str]:
    """Take the person out of everything; return a sentence for each thing left.

    Nothing goes before what is found by it alone: first payloads of dead letters that only the attributes in
    their rows tell of, then rows and files, last the payloads that rows are found by. A file of the archive
    is recorded as loaded before it changes. Raises UsageError, BigQueryUnavailable.
    """
    told_by_rows = [each for each in plan.findings if each.by_row]
    payloads = [each for each in plan.findings if each.is_letter and not each.by_row]
    letter_rows = [each for each in plan.findings if each.holds_letters_of(job.root)]
    others = [each for each in plan.findings if not each.is_letter and each not in letter_rows]

    left = _take_out(told_by_rows, plan, job, progress)
    keeps_letters = bool(left)
    if job.dataset:
        rows_left = _delete_rows(job.dataset, plan, keeps_letters, progress)
        keeps_letters |= DEAD_LETTERS in rows_left
        left += rows_left.values()
    else:
        lake.record_loads(job.root, [each.change for each in plan.findings if each.change])
    left += _take_out(others, plan, job, progress)
    if not keeps_letters:
        files_left = _take_out(letter_rows, plan, job, progress)
        left += files_left or _take_out(payloads, plan, job, progress)
    return left


def _delete_rows(
    dataset: str, plan: Plan, keeps_letters: bool, progress: Callable[[str], None]
) -> dict[str, str]:
    """Delete rows of tables and record files; return a sentence for each table of which some are left."""
    left: dict[str, str] = {}
    warehouse = Warehouse(dataset)
    for deletion, _ in plan.rows:
        if keeps_letters and deletion.table == DEAD_LETTERS:
            continue
        progress(f"deleting from {deletion.table}")
        try:
            warehouse.run(deletion.statement(dataset))
        except StillStreaming as error:
            left[deletion.table] = f"{deletion.table}: {error}: run this again after 90 minutes"
    for statement in plan.loads:
        warehouse.run(statement)
    return left


def _take_out(
    findings: list[Finding], plan: Plan, job: EraseJob, progress: Callable[[str], None]
) -> list[str]:
    """Take the person out of objects, side by side; return a sentence for each that is left."""
    left: list[str] = []
    with ThreadPoolExecutor(lake.THREADS) as pool:
        for number, failure in enumerate(pool.map(lambda each: _failure(each, plan, job), findings), 1):
            left += [failure] if failure else []
            progress(f"{number:,} of {len(findings):,} objects done")
    return left


def _failure(finding: Finding, plan: Plan, job: EraseJob) -> str | None:
    try:
        lake.take_out(finding, job.person, plan.letter_ids)
    except PipelineError as error:
        return f"{error}: run this again"
    return None
