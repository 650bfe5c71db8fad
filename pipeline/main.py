"""Run the pipeline: `python -m pipeline.main --input_subscription=… --output_bucket=… --bq_dataset=…`."""

from __future__ import annotations

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # nothing that is loaded is garbage

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from apache_beam.runners.runner import PipelineResult
from google.api_core.exceptions import GoogleAPIError

from pipeline.backfill import run_backfill
from pipeline.clock import now_us
from pipeline.commands import exit_code, log_to_stderr, on_signal
from pipeline.errors import PipelineError, UsageError
from pipeline.graph import build_graph
from pipeline.live.figures import LiveFigures
from pipeline.live.source import LiveSource
from pipeline.options import ONE_MACHINE, Job, parse_job
from pipeline.progress import Progress
from pipeline.running import counters_of, make_pipeline, write_stats
from pipeline.source import PubSubSource

LOGGER = logging.getLogger(__name__)
STOCK_STOP_SECONDS = 5.0
"""How long the bundle under way may take to end; the stock read has acknowledged what is in it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until the source ends or a signal asks to drain.

    Returns 0, 2 for a wrong flag, contract or subscription, 1 for a failure on the way.
    """
    log_to_stderr()
    logging.getLogger("apache_beam.runners.direct.executor").addFilter(_last_line_only)
    return exit_code(lambda: run(parse_job(sys.argv[1:] if argv is None else argv)))


def run(job: Job) -> int:
    """Run a checked command line; raises UsageError, DefaultCredentialsError, PipelineError."""
    return {"live": run_live, "stock": run_stock, "files": run_backfill}[job.reads](job)


def _last_line_only(record: logging.LogRecord) -> bool:
    """Keep what went wrong: the runner tries a failed bundle four times and prints all of it each time."""
    record.msg, record.args = record.getMessage().strip().rpartition("\n")[2], ()
    return True


def run_stock(job: Job) -> int:
    """Run with Beam's own Pub/Sub read: on Dataflow, return once the job is submitted."""
    pipeline = make_pipeline(job)
    build_graph(pipeline, PubSubSource(job.input_name), job.graph)
    result = pipeline.run()
    if job.runner == ONE_MACHINE:
        _wait_until_stopped(result)
    return 0


def _wait_until_stopped(result: PipelineResult) -> None:
    """Wait for a signal: on one machine, the stock read has no end.

    The runner's cancel() joins its worker and leaves wait_until_finish() waiting for ever, so the wait is
    broken off first. The worker may sit in a pull for half a minute: it is left there.
    """

    def break_off(name: signal.Signals) -> NoReturn:
        _say_draining(name)
        raise _StopAsked

    with on_signal(break_off):
        try:
            result.wait_until_finish()
        except _StopAsked:
            worker = threading.Thread(target=result.cancel, daemon=True)
            worker.start()
            worker.join(STOCK_STOP_SECONDS)


class _StopAsked(Exception):
    """A signal has come."""


def run_live(job: Job) -> int:
    """Run with the live source until it is idle for long enough, or a signal asks to drain.

    Raises UsageError if the subscription cannot be read.
    """
    source = LiveSource(
        job.input_name,
        max_in_flight=job.live.max_in_flight,
        slack_us=round(job.live.watermark_slack_seconds * 1_000_000),
        longest_timer_seconds=job.graph.longest_timer_seconds,
    )
    figures = LiveFigures(source)

    def drain(name: signal.Signals) -> None:
        _say_draining(name)
        source.drain()

    pipeline = make_pipeline(job)
    build_graph(pipeline, source, job.graph)
    try:
        source.start()
    except GoogleAPIError as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"--input_subscription={job.input_name} cannot be read: {reason}") from error
    try:
        with on_signal(drain), _drain_when_idle(source, job), Progress(figures):
            result = pipeline.run()
            LOGGER.info("reading %s", job.input_name)
            result.wait_until_finish()
    finally:
        source.close()
    if source.reader.failure is not None:
        raise PipelineError(f"reading {job.input_name} failed: {source.reader.failure}")
    if source.flight.count():
        raise PipelineError(
            f"the run has ended with {source.flight.count():,} messages unfinished: they are not "
            "acknowledged; start it again, and they come again."
        )
    LOGGER.info("drained: %s", figures.so_far())
    write_stats(job, live_stats(source, result))
    return 0


def live_stats(source: LiveSource, result: PipelineResult) -> dict[str, Any]:
    """The figures of a run on one machine: messages, publish to row in ms, and Beam's counters."""
    latency_ms = source.publish_to_row_ms()
    p50, p95, p99 = (latency_ms.percentile(share) for share in (0.5, 0.95, 0.99))
    return {
        "messages_read": source.flight.admitted,
        "messages_finished": source.flight.finished,
        "rows_written": source.rows_written,
        "publish_to_row_ms": {"p50": p50, "p95": p95, "p99": p99},
        "counters": counters_of(result),
    }


def _say_draining(name: signal.Signals) -> None:
    LOGGER.info("%s: draining; once more to leave at once", name.name)


@contextmanager
def _drain_when_idle(source: LiveSource, job: Job) -> Iterator[None]:
    """Drain once no message has come for `--stop_when_idle_seconds`."""
    idle_seconds = job.live.stop_when_idle_seconds
    done = threading.Event()

    def watch(limit_seconds: float) -> None:
        while not done.wait(0.1):
            if now_us() - source.reader.last_busy_us > limit_seconds * 1_000_000:
                source.drain()
                return

    if idle_seconds is not None:
        threading.Thread(target=watch, args=(idle_seconds,), name="idle", daemon=True).start()
    try:
        yield
    finally:
        done.set()


if __name__ == "__main__":
    gc.freeze()  # a collection would write to each page, and then it is there once for each worker
    gc.enable()
    # The runner's worker threads are daemons; some of gRPC's are not.
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
