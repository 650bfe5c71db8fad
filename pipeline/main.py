"""Run the pipeline: `python -m pipeline.main --input_subscription=… --output_bucket=… --bq_dataset=…`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.runners.runner import PipelineResult
from google.api_core.exceptions import GoogleAPICallError

from pipeline.clock import now_us
from pipeline.errors import ContractFileError, PipelineError, UsageError
from pipeline.graph import build_graph
from pipeline.live.source import LiveSource
from pipeline.options import ONE_MACHINE, Job, parse_job
from pipeline.progress import Progress
from pipeline.source import PubSubSource

LOGGER = logging.getLogger(__name__)
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run until the source ends or a signal asks to drain.

    Returns 0, 2 for a wrong flag, contract or subscription, 1 for a failure on the way.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("apache_beam", "google", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        job = parse_job(sys.argv[1:] if argv is None else argv)
    except (UsageError, ContractFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        return run_live(job) if job.pubsub_read == "live" else run_stock(job)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run_stock(job: Job) -> int:
    """Run with Beam's own Pub/Sub read: on Dataflow, return once the job is submitted."""
    pipeline = _pipeline(job)
    build_graph(pipeline, PubSubSource(job.input_subscription), job.graph)
    result = pipeline.run()
    if job.runner == ONE_MACHINE:
        with _on_signal(result.cancel):
            result.wait_until_finish()
    return 0


def run_live(job: Job) -> int:
    """Run with the live source until it is idle for long enough, or a signal asks to drain.

    Raises UsageError if the subscription cannot be read.
    """
    source = LiveSource(
        job.input_subscription,
        max_in_flight=job.live.max_in_flight,
        slack_us=round(job.live.watermark_slack_seconds * 1_000_000),
        longest_timer_seconds=job.graph.longest_timer_seconds,
    )
    pipeline = _pipeline(job)
    build_graph(pipeline, source, job.graph)
    try:
        source.start()
    except GoogleAPICallError as error:
        raise UsageError(f"--input_subscription={job.input_subscription} cannot be read: {error}") from error
    try:
        with _on_signal(source.drain), _drain_when_idle(source, job), Progress(source) as progress:
            result = pipeline.run()
            LOGGER.info("reading %s", job.input_subscription)
            result.wait_until_finish()
    finally:
        source.close()
    if source.reader.failure is not None:
        raise PipelineError(f"reading {job.input_subscription} failed: {source.reader.failure}")
    LOGGER.info("drained: %s", progress.figures())
    if job.live.stats_path is not None:
        with open(job.live.stats_path, "wb") as stats_file:
            stats_file.write(orjson.dumps(live_stats(source, result), option=orjson.OPT_INDENT_2))
    return 0


def live_stats(source: LiveSource, result: PipelineResult) -> dict[str, Any]:
    """The figures of a run on one machine: messages, publish to row in ms, and Beam's counters."""
    p50, p95, p99 = source.publish_to_row_ms(0.5, 0.95, 0.99)
    counters: dict[str, int] = {}
    for counter in result.metrics().query()["counters"]:
        name = f"{counter.key.metric.namespace}.{counter.key.metric.name}"
        counters[name] = counters.get(name, 0) + counter.committed
    return {
        "messages_read": source.flight.admitted,
        "messages_finished": source.flight.finished,
        "rows_written": source.rows_written,
        "publish_to_row_ms": {"p50": p50, "p95": p95, "p99": p99},
        "counters": counters,
    }


def _pipeline(job: Job) -> beam.Pipeline:
    options = PipelineOptions(job.beam_args)
    options.view_as(StandardOptions).streaming = True
    if job.runner == ONE_MACHINE:
        return beam.Pipeline(runner=BundleBasedDirectRunner(), options=options)
    return beam.Pipeline(options=options)


@contextmanager
def _on_signal(drain: object) -> Iterator[None]:
    """Drain on the first SIGINT or SIGTERM; leave at once on the second."""
    seen = threading.Event()

    def handle(number: int, _: object) -> None:
        if seen.is_set():
            os._exit(INTERRUPTED)
        seen.set()
        LOGGER.info("%s: draining; once more to leave at once", signal.Signals(number).name)
        drain()  # type: ignore[operator]

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _drain_when_idle(source: LiveSource, job: Job) -> Iterator[None]:
    """Drain once no message has come for `--stop_when_idle_seconds`."""
    idle_seconds = job.live.stop_when_idle_seconds
    done = threading.Event()

    def watch(limit_seconds: float) -> None:
        while not done.wait(0.1):
            if now_us() - source.reader.last_arrival_us > limit_seconds * 1_000_000:
                source.drain()
                return

    if idle_seconds is not None:
        threading.Thread(target=watch, args=(idle_seconds,), name="idle", daemon=True).start()
    try:
        yield
    finally:
        done.set()


if __name__ == "__main__":
    # The runner's worker threads are daemons; some of gRPC's are not.
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
