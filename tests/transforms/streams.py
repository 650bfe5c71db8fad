"""Running a step on a stream whose elements, watermark and clock the test moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import PickleCoder
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing.test_stream import TestStream
from apache_beam.utils.timestamp import Timestamp

from tests.transforms.builders import NOON_US, SECOND, at

Build = Callable[[beam.PCollection], Mapping[str, beam.PCollection]]

LONGEST_TIMER_SECONDS = 60

_COLLECTED: dict[str, list[Any]] = {}


class Outcome(NamedTuple):
    """What a run left behind."""

    outputs: dict[str, list[Any]]
    """Every element of each output, in the order in which it came."""
    counters: dict[str, int]
    """On a stream, of the first bundle of each step alone: the runner keeps no others."""


class Script:
    """What happens on the stream, one thing after another; the runner's clock starts at noon.

    As in life, the clock is never behind the watermark or a message's publish time: Beam's runner
    compares it with the ends of windows.
    """

    def __init__(self) -> None:
        self._stream = TestStream(coder=PickleCoder()).advance_processing_time(NOON_US // SECOND)
        self._clock_seconds = 0.0

    def chunk(self, *elements: Any) -> Script:
        """A list of elements arrives, stamped with the earliest publish time."""
        published_us = [_published_us(element) for element in elements]
        self._not_before((max(published_us) - NOON_US) / SECOND)
        self._stream.add_elements([list(elements)], event_timestamp=Timestamp(micros=min(published_us)))
        return self

    def watermark(self, seconds: float) -> Script:
        """The watermark moves to so many seconds after noon."""
        self._not_before(seconds)
        self._stream.advance_watermark_to(Timestamp(micros=at(seconds)))
        return self

    def wait(self, seconds: float) -> Script:
        """Processing time goes by."""
        self._clock_seconds += seconds
        self._stream.advance_processing_time(seconds)
        return self

    def _not_before(self, seconds: float) -> None:
        if seconds > self._clock_seconds:
            self.wait(math.ceil(seconds - self._clock_seconds))

    def run(self, build: Build) -> Outcome:
        """Build a graph on the stream and run it to its end.

        At the end of a stream the runner moves the watermark and not the clock; the timers still
        running are given their time first, as the live source does.
        """
        self.wait(LONGEST_TIMER_SECONDS + 1)
        return _run(self._stream, build, BundleBasedDirectRunner(), streaming=True)


def run_batch(elements: list[Any], build: Build) -> Outcome:
    """Build a graph on a bounded collection and run it on the runner of batch jobs."""
    return run_read(beam.Create(elements, reshuffle=False), build)


def run_read(read: beam.PTransform, build: Build) -> Outcome:
    """Build a graph on what a bounded source reads and run it on the runner of batch jobs."""
    return _run(read, build, "FnApiRunner", streaming=False)


def _run(source: beam.PTransform, build: Build, runner: Any, *, streaming: bool) -> Outcome:
    options = PipelineOptions([])
    options.view_as(StandardOptions).streaming = streaming
    pipeline = beam.Pipeline(runner=runner, options=options)
    outputs = build(pipeline | "Source" >> source)
    for name, output in outputs.items():
        _COLLECTED[name] = []
        output | f"Collect {name}" >> beam.ParDo(_Collect(name))
    result = pipeline.run()
    result.wait_until_finish()
    counters = {
        counter.key.metric.name: counter.committed for counter in result.metrics().query()["counters"]
    }
    return Outcome({name: _COLLECTED.pop(name) for name in outputs}, counters)


def _published_us(element: Any) -> int:
    message = getattr(element, "message", element)
    return message.publish_time_us or 0


class _Collect(beam.DoFn):
    """The runner works in this process, so a list of this module holds what came out."""

    def __init__(self, name: str) -> None:
        self.name = name

    def process(self, element: Any) -> Iterator[Any]:
        _COLLECTED[self.name].append(element)
        yield from ()
