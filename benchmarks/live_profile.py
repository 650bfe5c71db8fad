"""CPU per event of each step of the graph, inside one process, with the real sinks.

The worker thread of Beam's direct runner does one bundle of one step at a time. Its CPU time is taken
around each bundle, and within it around the elements and timers: that is the step's own work, and the
rest is what the runner spends on having a bundle. The stream is a script of prepared chunks with the
same turns as the live source's: clock, chunk, watermark, probe.
"""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.direct import executor, transform_evaluator
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration

from generator.simulation import Plan, Simulation
from pipeline.clock import now_us
from pipeline.contract import load_contract
from pipeline.elements import RawMessage
from pipeline.graph import build_graph
from pipeline.live.bundles import make_bundles_cheap
from pipeline.live.reflection import remember_signatures
from pipeline.options import parse_job
from pipeline.source import Source
from pipeline.windows import beam_timestamp

SLACK_US = 1_000_000
MALFORMED_SHARE, DUPLICATE_SHARE, LATE_SHARE = 0.03, 0.02, 0.01
"""The demo's."""


@dataclass
class StepCost:
    """CPU of one step."""

    bundles: int = 0
    empty_bundles: int = 0
    elements: int = 0
    work_ns: int = 0
    """In elements and timers."""
    total_ns: int = 0


class Profile(NamedTuple):
    """CPU of one run over the prepared messages."""

    chunk_messages: int
    events: int
    worker_ns: int
    """The runner's only worker thread: all steps, and what it does between them."""
    other_ns: int
    """All other threads: requests to BigQuery, Cloud Storage and Pub/Sub."""
    steps: dict[str, StepCost]


class PreparedSource(Source):
    """A source that plays prepared chunks, and wants to hear nothing."""

    def __init__(self, chunks: list[list[RawMessage]]) -> None:
        """Play `chunks`."""
        self.chunks = chunks

    def read(self) -> beam.PTransform:
        """PBegin -> list[RawMessage]."""
        return ReadPrepared(self.chunks)


class ReadPrepared(beam.PTransform):
    """Play prepared chunks. Output: list[RawMessage], stamped with the earliest publish time in it."""

    def __init__(self, chunks: list[list[RawMessage]]) -> None:
        super().__init__()
        self.chunks = chunks

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Apply the transform."""
        stream = TestStream()
        clock_us = 0
        for chunk in self.chunks:
            times_us = [message.publish_time_us or 0 for message in chunk]
            stream.advance_processing_time(Duration(micros=times_us[-1] - clock_us))
            clock_us = times_us[-1]
            stream.add_elements([TimestampedValue(chunk, beam_timestamp(times_us[0]))])
            stream.advance_watermark_to(beam_timestamp(times_us[0] - SLACK_US))
            stream.add_elements([TimestampedValue([], beam_timestamp(times_us[-1]))])
        stream.advance_processing_time(3_600)
        stream.advance_watermark_to_infinity()
        return begin | "Stream" >> stream | "DropProbes" >> beam.ParDo(_DropProbes()).with_output_types(list)


class _DropProbes(beam.DoFn):
    def process(self, chunk: list[RawMessage]) -> Iterator[list[RawMessage]]:
        if chunk:
            yield chunk


def prepared_messages(events: int, rate: float) -> list[RawMessage]:
    """So many messages of the simulated shop, published at `rate` per second from now on."""
    plan = Plan(
        start_us=now_us(),
        rate=rate,
        malformed_share=MALFORMED_SHARE,
        duplicate_share=DUPLICATE_SHARE,
        late_share=LATE_SHARE,
    )
    simulated = Simulation(plan, load_contract()).messages()
    return [
        RawMessage(message.payload, dict(message.attributes), str(number), _whole_ms(message.publish_us))
        for number, message in zip(range(events), simulated, strict=False)
    ]


def _whole_ms(time_us: int) -> int:
    """A scripted TestStream takes no finer times."""
    return time_us - time_us % 1_000


def profile(messages: list[RawMessage], chunk_messages: int, pipeline_flags: list[str]) -> Profile:
    """Run the whole graph over `messages`, so many in a chunk, and return what each step costs."""
    remember_signatures()
    make_bundles_cheap()
    job = parse_job(pipeline_flags)
    chunks = [messages[start : start + chunk_messages] for start in range(0, len(messages), chunk_messages)]
    options = PipelineOptions(job.beam_args)
    options.view_as(StandardOptions).streaming = True
    pipeline = beam.Pipeline(runner=BundleBasedDirectRunner(), options=options)
    build_graph(pipeline, PreparedSource(chunks), job.graph)
    gc.freeze()
    with _measuring() as meter:
        pipeline.run().wait_until_finish()
    return Profile(chunk_messages, len(messages), *meter.totals(), dict(meter.steps))


class _Meter:
    """Sums the CPU time of the runner's worker thread by step, from the first bundle to the last."""

    def __init__(self) -> None:
        self.steps: dict[str, StepCost] = defaultdict(StepCost)
        self._first: tuple[int, int] | None = None
        self._last = (0, 0)

    def measure_bundle(self, call: Any) -> Any:
        """Wrap TransformExecutor.call."""

        def measured(task: Any, sampler: Any) -> None:
            begun_ns = time.thread_time_ns()
            self._first = self._first or (begun_ns, time.process_time_ns())
            call(task, sampler)
            ended_ns = time.thread_time_ns()
            self._last = (ended_ns, time.process_time_ns())
            cost = self.steps[task._applied_ptransform.full_label]
            cost.bundles += bool(task._input_bundle.has_elements() or task._fired_timers)
            cost.empty_bundles += not (task._input_bundle.has_elements() or task._fired_timers)
            cost.total_ns += ended_ns - begun_ns

        return measured

    def measure_work(self, call: Any) -> Any:
        """Wrap an evaluator's process_element or process_timer."""

        def measured(evaluator: Any, element: Any) -> None:
            begun_ns = time.thread_time_ns()
            call(evaluator, element)
            cost = self.steps[evaluator._applied_ptransform.full_label]
            cost.elements += 1
            cost.work_ns += time.thread_time_ns() - begun_ns

        return measured

    def totals(self) -> tuple[int, int]:
        """(ns of the worker thread, ns of all other threads), both between the first and the last bundle."""
        assert self._first is not None
        worker_ns, process_ns = (last - first for first, last in zip(self._first, self._last, strict=True))
        return worker_ns, process_ns - worker_ns


@contextmanager
def _measuring() -> Iterator[_Meter]:
    """Measure everything the runner's worker thread does meanwhile."""
    meter = _Meter()
    wrapped: list[tuple[Any, str, Any]] = [
        (executor.TransformExecutor, "call", meter.measure_bundle),
        (transform_evaluator._ParDoEvaluator, "process_element", meter.measure_work),
        (transform_evaluator._ParDoEvaluator, "process_timer", meter.measure_work),
        (transform_evaluator._StreamingGroupByKeyOnlyEvaluator, "process_element", meter.measure_work),
        (transform_evaluator._StreamingGroupAlsoByWindowEvaluator, "process_element", meter.measure_work),
    ]
    originals = [(owner, name, owner.__dict__[name]) for owner, name, _ in wrapped]
    for owner, name, measure in wrapped:
        setattr(owner, name, measure(owner.__dict__[name]))
    try:
        yield meter
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)
