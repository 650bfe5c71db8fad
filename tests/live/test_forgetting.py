"""What a live run keeps of windows and keys: as Beam gives out panes, without what is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from apache_beam.runners.direct import clock
from apache_beam.runners.direct.evaluation_context import DirectStepContext, DirectUnmergedState
from apache_beam.runners.direct.watermark_manager import _TransformWatermarks
from apache_beam.transforms.core import Windowing
from apache_beam.transforms.trigger import create_trigger_driver
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.live.forgetting import GroupingStep
from pipeline.live.window_state import WindowState
from pipeline.windows import into_deltas, into_revisions

WINDOW_SECONDS = 10
LATENESS_SECONDS = 15
PANE_SECONDS = 7
WINDOWINGS = {
    "deltas": into_deltas(WINDOW_SECONDS, PANE_SECONDS, LATENESS_SECONDS),
    "deltas, none early": into_deltas(WINDOW_SECONDS, PANE_SECONDS, LATENESS_SECONDS, early=False),
    "deltas, none late": into_deltas(WINDOW_SECONDS, PANE_SECONDS, 0),
    "revisions": into_revisions(WINDOW_SECONDS, LATENESS_SECONDS),
}


class Step:
    """A grouping step of the direct runner: Beam's driver, state and watermarks, called as it calls them."""

    def __init__(self, windowing: Windowing, state: type[Any]) -> None:
        self.windowing = windowing
        self.state = state
        self.clock = clock.TestClock()
        self.keyed_states: dict[Any, Any] = {}
        self.before = _TransformWatermarks(self.clock, {}, "before")
        self.watermarks = _TransformWatermarks(self.clock, self.keyed_states, "step")
        self.watermarks.update_input_transform_watermarks([self.before])
        self.panes: list[object] = []

    def forget(self) -> None:
        """Nothing: so Beam does."""

    def advance(self, seconds: int) -> None:
        """The watermark moves."""
        self.before._output_watermark = max(self.before._output_watermark, Timestamp(seconds))
        self.watermarks.refresh()

    def bundle(self, key: str, times: list[int], firings: list[Any], attempts: int = 1) -> None:
        """Elements for one key, or timers that have fired; only the last attempt counts."""
        for attempt in range(attempts):
            context = DirectStepContext(self.keyed_states)
            driver = create_trigger_driver(self.windowing, clock=self.clock)
            given_out: list[object] = []
            holds = {}
            for encoded_key, values, firing in [(key, times, None)] * bool(times) + [
                (each.encoded_key, [], each) for each in firings
            ]:
                if encoded_key not in self.keyed_states:
                    self.keyed_states[encoded_key] = self.state()
                state = context.get_keyed_state(encoded_key)
                given_out += [(encoded_key, pane) for pane in self._panes(driver, state, values, firing)]
                holds[encoded_key] = state.get_earliest_hold()
            if attempt == attempts - 1:
                self.watermarks.update_timers(firings)
                self.watermarks.hold(holds)
                self.watermarks.refresh()
                self.keyed_states.update(context.partial_keyed_state)
                self.panes += given_out

    def _panes(self, driver: Any, state: Any, times: list[int], firing: Any) -> Iterator[WindowedValue]:
        reached = self.watermarks.input_watermark
        if firing is not None:
            of_timer = firing.window, firing.name, firing.time_domain
            state.clear_timer(*of_timer)
            yield from driver.process_timer(*of_timer, firing.timestamp, state, reached)
            return
        windowfn = self.windowing.windowfn
        values = [
            WindowedValue(time, Timestamp(time), windowfn.assign(windowfn.AssignContext(Timestamp(time))))
            for time in times
        ]
        yield from driver.process_elements(state, values, self.watermarks.output_watermark, reached)

    def fire(self) -> list[Any]:
        """What the monitor does each round: the timers that are due."""
        self.forget()
        firings, _ = self.watermarks.extract_transform_timers()
        return sorted(firings, key=lambda each: (each.timestamp, each.encoded_key))


class ForgettingStep(Step):
    """The same with what a live run puts in the place of Beam's."""

    def __init__(self, windowing: Windowing) -> None:
        super().__init__(windowing, WindowState)
        self.forget = GroupingStep(self.watermarks, self.keyed_states, windowing).forget  # type: ignore[method-assign]


moves = st.one_of(
    st.tuples(st.just("watermark"), st.integers(0, 30)),
    st.tuples(st.just("clock"), st.integers(1, 12)),
    st.tuples(
        st.just("elements"),
        st.sampled_from("abc"),
        st.lists(st.integers(-40, 15), min_size=1, max_size=4),
        st.integers(1, 3),  # attempts
        st.booleans(),  # while timers that have fired wait for their turn
    ),
)


def play(step: Step, script: list[Any]) -> None:
    now = 100
    step.advance(now)
    for what, *how in script:
        waiting: list[Any] = []
        match what:
            case "watermark":
                now += how[0]
                step.advance(now)
            case "clock":
                step.clock.advance_time(how[0])
            case "elements":
                key, offsets, attempts, overtakes = how
                waiting = step.fire() if overtakes else []
                step.bundle(key, [now + each for each in offsets], [], attempts)
        step.forget()
        for firings in (waiting, step.fire()):
            step.bundle("", [], firings, attempts=2)
    for later in (1_000, 2_000):
        step.advance(now + later)
        step.clock.advance_time(PANE_SECONDS)
        step.bundle("", [], step.fire())


def seen(given_out: Any, is_stuck: bool) -> object:
    key, pane = given_out
    return (key, pane.value, pane.windows, pane.pane_info.index) if is_stuck else given_out


@pytest.mark.parametrize("windowing", WINDOWINGS.values(), ids=WINDOWINGS)
@settings(deadline=None, max_examples=25)
@given(script=st.lists(moves, max_size=25))
@example([("elements", "a", [5], 1, False), ("watermark", 10), ("elements", "a", [-5], 2, True)] * 6)
def test_panes_and_holds_are_beams_own_and_nothing_is_kept(windowing: Any, script: list[Any]) -> None:
    windowing = windowing.windowing
    beams, ours = Step(windowing, DirectUnmergedState), ForgettingStep(windowing)
    for step in (beams, ours):
        play(step, script)
    # Beam's step may leave a hold behind for ever, which makes later panes look early to it.
    is_stuck = beams.watermarks.output_watermark < beams.before.output_watermark
    assert [seen(pane, is_stuck) for pane in ours.panes] == [seen(pane, is_stuck) for pane in beams.panes]
    assert ours.watermarks.output_watermark == ours.before.output_watermark
    assert not ours.watermarks._fired_timers
    assert not ours.keyed_states


def test_a_window_is_kept_while_a_timer_that_has_fired_is_under_way_to_it() -> None:
    step = ForgettingStep(WINDOWINGS["deltas, none early"].windowing)
    step.advance(100)
    step.bundle("a", [105], [])
    step.advance(112)
    under_way = step.fire()
    step.bundle("a", [104], [])  # gives out what the timer was set for, and clears it
    step.advance(1_000)
    step.forget()
    step.bundle("", [], under_way)
    assert [pane.value for _, pane in step.panes] == [[105, 104]]
    step.advance(1_001)
    step.forget()
    assert not step.keyed_states
