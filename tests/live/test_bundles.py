"""What the live source spares the direct runner: steps without elements, and pickling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct import transform_evaluator
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing import test_stream
from apache_beam.transforms.window import FixedWindows, IntervalWindow, TimestampedValue

from pipeline.live.bundles import make_bundles_cheap
from pipeline.windows import into_deltas, into_revisions


class KeepOdd(beam.DoFn):
    def process(self, number: int) -> Iterator[int]:
        if number % 2:
            yield number


class NoteBundles(beam.DoFn):
    bundles: ClassVar[list[list[int]]] = []

    def start_bundle(self) -> None:
        self.bundles.append([])

    def process(self, number: int) -> None:
        self.bundles[-1].append(number)


class RememberInItself(beam.DoFn):
    seen: ClassVar[list[list[int]]] = []

    def __init__(self) -> None:
        self.mine: list[int] = []

    def process(self, number: int) -> None:
        self.mine.append(number)
        self.seen.append(list(self.mine))


def run(stream: test_stream.TestStream, *steps: Any) -> None:
    with beam.Pipeline(BundleBasedDirectRunner(), PipelineOptions(["--streaming"])) as pipeline:
        elements = pipeline | stream
        for number, step in enumerate(steps):
            elements = elements | f"Step{number}" >> step


def bundle_each(*numbers: int) -> test_stream.TestStream:
    stream = test_stream.TestStream()
    for number in numbers:
        stream.add_elements([TimestampedValue(number, number)])
    return stream.advance_watermark_to_infinity()


@pytest.mark.usefixtures("cheap_bundles")
def test_a_step_is_not_started_for_a_bundle_without_elements() -> None:
    NoteBundles.bundles.clear()
    run(bundle_each(1, 2, 4, 5), beam.ParDo(KeepOdd()), beam.ParDo(NoteBundles()))
    assert NoteBundles.bundles == [[1], [5]]


@pytest.mark.usefixtures("cheap_bundles")
def test_a_window_closes_although_everything_after_it_is_filtered_out() -> None:
    NoteBundles.bundles.clear()
    stream = test_stream.TestStream()
    stream.add_elements([TimestampedValue(1, 1), TimestampedValue(3, 2)])
    stream.add_elements([TimestampedValue(8, 11)])
    stream.advance_watermark_to(12)
    stream.add_elements([TimestampedValue(5, 13)])
    stream.advance_watermark_to_infinity()
    run(
        stream,
        beam.ParDo(KeepOdd()),
        beam.WindowInto(FixedWindows(10)),
        beam.CombineGlobally(sum).without_defaults(),
        beam.ParDo(NoteBundles()),
    )
    assert NoteBundles.bundles == [[4], [5]]


@pytest.mark.usefixtures("cheap_bundles")
def test_each_bundle_still_has_a_dofn_of_its_own() -> None:
    RememberInItself.seen.clear()
    run(bundle_each(1, 2), beam.ParDo(RememberInItself()))
    assert RememberInItself.seen == [[1], [2]]


@pytest.mark.usefixtures("cheap_bundles")
def test_a_dofn_is_pickled_once_however_many_bundles_it_has() -> None:
    pickled = []

    class Pickled(beam.DoFn):
        def __reduce__(self) -> tuple[Any, ...]:
            pickled.append(self)
            return KeepOdd, ()

    dofn = Pickled()
    copies = [transform_evaluator.pickler.roundtrip(dofn) for _ in range(3)]
    assert [type(copy) for copy in copies] == [KeepOdd] * 3
    assert len({id(copy) for copy in copies}) == 3
    assert pickled == [dofn]


@pytest.mark.usefixtures("cheap_bundles")
def test_asking_twice_changes_nothing() -> None:
    make_bundles_cheap()
    NoteBundles.bundles.clear()
    run(bundle_each(1, 3), beam.ParDo(KeepOdd()), beam.ParDo(NoteBundles()))
    assert NoteBundles.bundles == [[1], [3]]


class NoteSums(beam.DoFn):
    noted: ClassVar[list[object]] = []

    def process(self, total: int, window: IntervalWindow = beam.DoFn.WindowParam) -> None:
        self.noted.append((int(window.start), total))


class NoteMarker(beam.DoFn):
    def process(self, number: int) -> None:
        if number == 0:
            NoteSums.noted.append("marker")


def test_a_late_element_that_waits_for_its_pane_holds_no_window_back(cheap_bundles: None) -> None:
    NoteSums.noted.clear()
    stream = test_stream.TestStream()
    stream.advance_watermark_to(100)
    stream.add_elements([TimestampedValue(1, 101)])
    stream.add_elements([TimestampedValue(2, 5)])
    stream.add_elements([TimestampedValue(4, 6)])  # late, and its window is closed: its pane comes in 1,000 s
    stream.advance_watermark_to(115)
    stream.add_elements([TimestampedValue(0, 150)])
    stream.advance_watermark_to(200)
    stream.advance_processing_time(2_000)
    stream.advance_watermark_to_infinity()
    with beam.Pipeline(BundleBasedDirectRunner(), PipelineOptions(["--streaming"])) as pipeline:
        numbers = pipeline | stream
        numbers | "NoteMarker" >> beam.ParDo(NoteMarker())
        deltas = (
            numbers
            | "IntoDeltas" >> into_deltas(10, 1_000, 86_400)
            | "AddUp" >> beam.CombineGlobally(sum).without_defaults()
        )
        totals = (
            deltas
            | "IntoRevisions" >> into_revisions(10, 86_400)
            | "AddAgain" >> beam.CombineGlobally(sum).without_defaults()
        )
        totals | beam.ParDo(NoteSums())
    # Window 100 is whole when the watermark passes it, not when what was late before has its pane.
    before, after = (
        NoteSums.noted[: NoteSums.noted.index("marker")],
        NoteSums.noted[NoteSums.noted.index("marker") :],
    )
    assert before.count((100, 1)) == 2  # early, when the sum came, and on time
    assert (0, 6) in after
