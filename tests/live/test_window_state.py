"""What the direct runner keeps of windows on a live run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, ClassVar

import apache_beam as beam
import pytest
from apache_beam.coders import FastPrimitivesCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing import test_stream
from apache_beam.transforms.trigger import GeneralTriggerDriver, MergeableStateAdapter, _ListStateTag
from apache_beam.transforms.window import IntervalWindow, TimestampedValue

from pipeline.live.forgetting import GroupingStep
from pipeline.live.window_state import KEPT_DELTAS, WindowState
from pipeline.sums import ExactSum
from pipeline.transforms.windowed_sums import AddUpDeltas, Revise, Revision, WindowPartials
from pipeline.windows import into_deltas, into_revisions

WINDOW_SECONDS = 10
LATENESS_SECONDS = 30
WINDOWS = 20
PANE_SECONDS = 5
HOURS_LATENESS_SECONDS = 7_200
BAG = _ListStateTag("user/bag")


pytestmark = pytest.mark.usefixtures("cheap_bundles")


class CountKeptWindows(beam.DoFn):
    """Counts, when the number 0 comes, the windows of each state there is."""

    kept: ClassVar[list[int]] = []

    def process(self, number: int) -> None:
        if number == 0:
            states = [each for each in gc.get_objects() if type(each) is WindowState]
            windows = [state.get_global_state(MergeableStateAdapter.WINDOW_IDS) or () for state in states]
            self.kept.append(max(map(len, windows)))


class NoteSums(beam.DoFn):
    noted: ClassVar[dict[int, list[int]]] = {}

    def process(self, total: int, window: IntervalWindow = beam.DoFn.WindowParam) -> None:
        self.noted.setdefault(int(window.start), []).append(total)


def play(stream: test_stream.TestStream, *, revised: bool) -> None:
    NoteSums.noted.clear()
    CountKeptWindows.kept.clear()
    with beam.Pipeline(BundleBasedDirectRunner(), PipelineOptions(["--streaming"])) as pipeline:
        numbers = pipeline | stream
        numbers | "CountKeptWindows" >> beam.ParDo(CountKeptWindows())
        sums = (
            numbers
            | "IntoDeltas" >> into_deltas(WINDOW_SECONDS, PANE_SECONDS, LATENESS_SECONDS)
            | "AddUp" >> beam.CombineGlobally(sum).without_defaults()
        )
        if revised:
            sums = (
                sums
                | "IntoRevisions" >> into_revisions(WINDOW_SECONDS, LATENESS_SECONDS)
                | "AddAgain" >> beam.CombineGlobally(sum).without_defaults()
            )
        sums | beam.ParDo(NoteSums())


def test_windows_past_their_lateness_are_forgotten_and_no_sum_is_lost() -> None:
    stream = test_stream.TestStream()
    for start in range(0, WINDOWS * WINDOW_SECONDS, WINDOW_SECONDS):
        stream.add_elements([TimestampedValue(1, start + 1)])
        stream.advance_watermark_to(start + 5)
        if start >= 20:  # late, and taken: the window before the last one
            stream.add_elements([TimestampedValue(2, start - 15)])
        stream.advance_processing_time(WINDOW_SECONDS)
    stream.add_elements([TimestampedValue(0, WINDOWS * WINDOW_SECONDS - 5)])
    play(stream.advance_watermark_to_infinity(), revised=True)
    # Open, waiting for late elements, kept a window longer for the last delta, or the newest.
    (kept,) = CountKeptWindows.kept
    assert 3 <= kept <= LATENESS_SECONDS // WINDOW_SECONDS + 4
    last = [NoteSums.noted[start][-1] for start in sorted(NoteSums.noted)]
    assert last == [3] * (WINDOWS - 2) + [1, 1]


def test_a_pane_that_waits_for_its_timer_is_given_out_after_the_lateness_too() -> None:
    stream = test_stream.TestStream()
    stream.add_elements([TimestampedValue(1, 1)])
    stream.advance_watermark_to(25)
    stream.add_elements([TimestampedValue(2, 5)])  # late: its pane comes with the clock, not the watermark
    stream.advance_watermark_to(39)
    for start in (50, 60, 70):
        stream.add_elements([TimestampedValue(4, start)])
        stream.advance_watermark_to(start)
    stream.advance_processing_time(PANE_SECONDS + 1)
    stream.add_elements([TimestampedValue(0, 71)])
    play(stream.advance_watermark_to_infinity(), revised=False)
    assert NoteSums.noted[0][:2] == [1, 2]


class CountKeys(beam.DoFn):
    """Counts, when the key 0 comes, the keys of the grouping step, and the windows of all of them."""

    kept: ClassVar[list[tuple[int, int]]] = []
    step: ClassVar[GroupingStep]

    def process(self, element: tuple[int, int]) -> None:
        if element[0] == 0:
            if not self.kept:
                steps = (each for each in gc.get_objects() if type(each) is GroupingStep)
                of_test = (each for each in steps if each._lateness_us == HOURS_LATENESS_SECONDS * 1_000_000)
                CountKeys.step = next(of_test)
            states = self.step._keyed_states.values()
            ids = [state.get_global_state(MergeableStateAdapter.WINDOW_IDS) for state in states]
            self.kept.append((len(ids), sum(len(each or ()) for each in ids)))


class NoteValues(beam.DoFn):
    noted: ClassVar[list[int]] = []

    def process(self, element: tuple[int, list[int]]) -> None:
        self.noted.extend(element[1])


def test_keys_that_are_each_used_for_an_hour_are_forgotten_and_no_value_is_lost() -> None:
    hours, windows_an_hour = 12, 6
    stream = test_stream.TestStream()
    values = iter(range(1_000_000))
    for ten_minutes in range(hours * windows_an_hour):
        now, hour = ten_minutes * 600, 1 + ten_minutes // windows_an_hour
        stream.advance_processing_time(600)
        stream.advance_watermark_to(now)
        stream.add_elements([TimestampedValue((hour, next(values)), now)])
        if hour > 4:  # too late by an hour or more: it leaves nothing, neither a pane nor its key
            stream.add_elements([TimestampedValue((1_000 + ten_minutes, -1), now - 3 * 3_600)])
        if ten_minutes % windows_an_hour == 5:
            stream.add_elements([TimestampedValue((0, next(values)), now)])
    CountKeys.kept.clear()
    NoteValues.noted.clear()
    with beam.Pipeline(BundleBasedDirectRunner(), PipelineOptions(["--streaming"])) as pipeline:
        keyed = pipeline | stream.advance_watermark_to_infinity()
        keyed | "CountKeys" >> beam.ParDo(CountKeys())
        grouped = keyed | into_deltas(600, 60, HOURS_LATENESS_SECONDS) | beam.GroupByKey()
        grouped | "NoteValues" >> beam.ParDo(NoteValues())
    assert len(CountKeys.kept) == hours
    # Of the two hours before, the hour itself, the key 0, and what came too late in these ten minutes.
    assert max(CountKeys.kept[5:]) <= (6, 12 + 6 + 3 + 1)
    assert CountKeys.kept[5:] == [CountKeys.kept[5]] * (hours - 5)
    assert sorted(NoteValues.noted) == list(range(next(values)))


def test_a_copy_is_changed_and_its_original_is_not() -> None:
    original = WindowState()
    for window in ("a", "b"):
        original.add_state(window, GeneralTriggerDriver.ELEMENTS, 1)
    original.set_timer("a", "", "REAL_TIME", 5)
    copied = original.copy()
    copied.add_state("a", GeneralTriggerDriver.ELEMENTS, 2)
    copied.clear_state("b", GeneralTriggerDriver.ELEMENTS)
    copied.clear_timer("a", "", "REAL_TIME")
    copied.add_state("c", GeneralTriggerDriver.ELEMENTS, 3)
    assert [copied.get_state(each, GeneralTriggerDriver.ELEMENTS) for each in "abc"] == [[1, 2], [], [3]]
    assert [original.get_state(each, GeneralTriggerDriver.ELEMENTS) for each in "abc"] == [[1], [1], []]
    assert list(original.timers) == ["a"]
    assert not copied.timers


def test_what_a_bundle_does_not_touch_is_not_copied() -> None:
    original = WindowState()
    for window in range(100):
        original.add_state(window, GeneralTriggerDriver.ELEMENTS, window)
    copied = original.copy()
    copied.add_state(7, GeneralTriggerDriver.ELEMENTS, 0)
    shared = [window for window in range(100) if copied.state[window] is original.state[window]]
    assert shared == [window for window in range(100) if window != 7]


class NoteParts(beam.DoFn):
    noted: ClassVar[list[int]] = []

    def process(self, revision: Revision) -> None:
        self.noted.append(revision.parts["all"].units)


class CountKeptDeltas(beam.DoFn):
    """Counts, when a part of 0 comes, the deltas that each window of each state holds."""

    kept: ClassVar[list[int]] = []

    def process(self, partials: WindowPartials) -> None:
        if partials.parts["all"].units == 0:
            states = [each for each in gc.get_objects() if type(each) is WindowState]
            tags = [tags for state in states for tags in state.state.values()]
            self.kept.append(max(len(each.get(GeneralTriggerDriver.ELEMENTS.tag, ())) for each in tags))


def test_a_window_of_many_deltas_keeps_their_sum_and_gives_out_every_revision() -> None:
    NoteParts.noted.clear()
    CountKeptDeltas.kept.clear()
    deltas = 3 * KEPT_DELTAS
    stream = test_stream.TestStream(coder=FastPrimitivesCoder()).advance_watermark_to(0)
    for units in (*range(1, deltas + 1), 0):
        stream.add_elements([WindowPartials(0, "group", {"all": ExactSum(units)})])
        stream.advance_processing_time(PANE_SECONDS + 1)
    with beam.Pipeline(BundleBasedDirectRunner(), PipelineOptions(["--streaming"])) as pipeline:
        partials = pipeline | stream.advance_watermark_to_infinity()
        partials | "CountKeptDeltas" >> beam.ParDo(CountKeptDeltas())
        added = partials | AddUpDeltas(WINDOW_SECONDS, PANE_SECONDS, LATENESS_SECONDS)
        added | Revise(3_600, WINDOW_SECONDS, LATENESS_SECONDS) | beam.ParDo(NoteParts())
    so_far = [sum(range(1, last + 1)) for last in range(1, deltas + 1)]
    assert list(dict.fromkeys(NoteParts.noted)) == so_far
    assert 1 <= CountKeptDeltas.kept[0] <= KEPT_DELTAS


class UncountedWindows(dict[Any, Any]):
    """The ids of windows, of which nobody may go through all."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("looked at all windows")


def test_as_long_as_no_window_is_over_nobody_looks_at_all_of_them() -> None:
    state, windows = WindowState(), UncountedWindows()
    for number in range(1, 100):
        windows[IntervalWindow(number, number + 1)] = [number]
        state.set_global_state(MergeableStateAdapter.WINDOW_IDS, windows)
        state.add_state(number, GeneralTriggerDriver.ELEMENTS, number)
    assert not state.forget_windows(2_000_000)
    with pytest.raises(AssertionError, match="all windows"):
        state.forget_windows(2_000_001)


def test_a_bag_that_has_grown_long_is_not_copied_for_a_bundle_that_adds_to_it() -> None:
    state = WindowState()
    for number in range(100):
        state = state.copy()
        state.add_state("window", BAG, number)
    copied = state.copy()
    copied.add_state("window", BAG, 100)
    assert copied.get_state("window", BAG)._values is state.get_state("window", BAG)._values
    assert list(state.get_state("window", BAG)) == list(range(100))
    assert list(copied.get_state("window", BAG)) == list(range(101))


def test_what_a_bundle_added_before_it_failed_is_not_there_when_it_is_repeated() -> None:
    state = WindowState()
    for number in range(100):
        state.add_state("window", BAG, number)
    for generation in range(3):  # the first copy makes the list one that is shared
        kept = list(state.get_state("window", BAG))
        failed, repeated = state.copy(), state.copy()
        failed.add_state("window", BAG, -1)
        repeated.add_state("window", BAG, generation)
        failed.add_state("window", BAG, -2)
        assert list(state.get_state("window", BAG)) == kept
        assert list(repeated.get_state("window", BAG)) == [*kept, generation]
        assert list(failed.get_state("window", BAG)) == [*kept, -1, -2]
        assert (repeated.get_state("window", BAG)[-1], len(repeated.get_state("window", BAG))) == (
            generation,
            len(kept) + 1,
        )
        state = repeated


def test_a_bag_that_is_cleared_begins_anew() -> None:
    state = WindowState()
    for number in range(100):
        state.add_state("window", BAG, number)
    copied = state.copy()
    copied.clear_state("window", BAG)
    copied.add_state("window", BAG, 7)
    assert list(copied.get_state("window", BAG)) == [7]
    assert len(state.get_state("window", BAG)) == 100
