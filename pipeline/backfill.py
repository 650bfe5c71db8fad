"""Running over files."""

from __future__ import annotations

import logging
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from apache_beam.runners.runner import PipelineResult
from google.api_core.exceptions import GoogleAPIError

from pipeline import chunk_memory, worker_processes
from pipeline.commands import INTERRUPTED
from pipeline.errors import PipelineError
from pipeline.file_source import FileSource
from pipeline.files import InputFile, cut_into_ranges, find_files
from pipeline.graph import build_graph
from pipeline.loads import Loads, Plan, plan_backfill
from pipeline.options import ONE_MACHINE, Job
from pipeline.progress import Progress
from pipeline.read_counter import BackfillFigures, ReadCounter
from pipeline.running import counters_of, make_pipeline, write_stats

LOGGER = logging.getLogger(__name__)
STOPPED = "stopped: no file counts as loaded; start it again, and it ends in the same tables."


def run_backfill(job: Job) -> int:
    """Run over files: on one machine until everything is written, on Dataflow until it is submitted.

    Files that were loaded before are left out. Raises UsageError if there is nothing to read, before
    anything is written.
    """
    if job.runner == ONE_MACHINE:
        chunk_memory.share_one_heap()
        if job.worker_processes:
            worker_processes.prepare(job.worker_processes)
    files = find_files(job.input_name)
    plan = plan_backfill(files, job.graph.tables, job.graph.run.run_id, job.reload)
    for remark in plan.remarks:
        LOGGER.info(remark)
    chosen = [each.file for each in plan.files]
    if not chosen:
        LOGGER.info("nothing is left to load and nothing is written: all %d files are loaded", len(files))
        write_stats(job, {"counters": {}})
        return 0
    all_bytes = sum(each.size for each in chosen)
    LOGGER.info("reading %d files, %d bytes", len(chosen), all_bytes)
    if job.runner != ONE_MACHINE:
        _submit(job, plan, chosen, ReadCounter())
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="backfill-") as folder:
        counter = ReadCounter(folder)
        try:
            giving_back = chunk_memory.giving_back() if job.worker_processes else nullcontext()
            with Progress(BackfillFigures(counter, all_bytes)), giving_back:
                counters = _run(job, plan, chosen, counter)
        except KeyboardInterrupt:
            print(STOPPED, file=sys.stderr)
            return INTERRUPTED
    for name in sorted(counters):
        LOGGER.info("%s: %d", name, counters[name])
    LOGGER.info(_summary(counters, time.monotonic() - started))
    write_stats(job, {"counters": counters})
    return 0


def _summary(counters: Mapping[str, int], seconds: float) -> str:
    files, *outcomes = (
        counters.get(f"loads.{name}", 0) for name in ("files_recorded", "accepted", "duplicates", "rejected")
    )
    accepted, duplicates, rejected = outcomes
    return (
        f"loaded {files:,} files in {seconds:,.1f} s: {sum(outcomes):,} rows = {accepted:,} accepted + "
        f"{duplicates:,} duplicates + {rejected:,} rejected"
    )


def _submit(job: Job, plan: Plan, files: Sequence[InputFile], counter: ReadCounter) -> PipelineResult:
    run, tables = job.graph.run, job.graph.tables
    settings = job.graph._replace(run=plan.mode_of(run))
    source = FileSource(
        cut_into_ranges(files),
        Loads(plan.files, run.run_id, tables),
        settings.parse,
        settings.deduplicate.buckets,
        counter,
    )
    pipeline = make_pipeline(job)
    build_graph(pipeline, source, settings)
    return pipeline.run()


def _run(job: Job, plan: Plan, files: Sequence[InputFile], counter: ReadCounter) -> dict[str, int]:
    try:
        result = _submit(job, plan, files, counter)
        result.wait_until_finish()
    except (RuntimeError, OSError, GoogleAPIError) as error:  # the runner makes a RuntimeError of most
        if job.worker_processes and worker_processes.was_interrupted():
            raise KeyboardInterrupt from error
        ended = worker_processes.untimely_end() if job.worker_processes else None
        raise PipelineError(ended or _last_sentence(str(error))) from error
    return counters_of(result)


def _last_sentence(text: str) -> str:
    """What went wrong, of a traceback that passed through several processes."""
    last = text.strip().rpartition("\n")[2]
    last = re.sub(r"^(?:[\w.]+\.)?[A-Z]\w+: ", "", last)
    return re.sub(r" \[while running '[^']*'\]$", "", last)
