"""What the direct runner keeps of a key: nothing of windows that are over, and the rest not copied anew.

The runner drops an element that comes after its window's lateness, and keeps that window's state for ever
all the same. And it copies the state of all windows of a key for each bundle, deeply where it can: a run
that goes on for days would grow without end, and become slower with every window.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

from apache_beam.runners.direct import evaluation_context
from apache_beam.runners.direct.evaluation_context import DirectUnmergedState
from apache_beam.transforms.trigger import AccumulationMode, GeneralTriggerDriver, MergeableStateAdapter
from apache_beam.utils.timestamp import MAX_TIMESTAMP, TIME_GRANULARITY, Timestamp

from pipeline.live.shared_list import SharedList
from pipeline.transforms.windowed_sums import AddUpParts

KEPT_DELTAS = 16
_ELEMENTS = GeneralTriggerDriver.ELEMENTS.tag
_WINDOW_IDS = MergeableStateAdapter.WINDOW_IDS
_HOLD = "watermark"
_NEVER_US = MAX_TIMESTAMP.micros + 1
_SHORT = 32
"""Values of one tag that a bundle copies; of more, copies share one list."""


def copy_only_what_changes() -> None:
    """Let this process copy no state that a bundle does not change. Does no harm if repeated."""
    evaluation_context.DirectUnmergedState = WindowState


class WindowState(DirectUnmergedState):
    """The state of one key of one step: a copy shares each window with its original until it writes there.

    The runner writes to copies alone, and drops the original when it takes a copy over. Which windows hold
    the watermark back, and when the next one is over, is kept beside them: no bundle is to look at them all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: set[Any] = set()
        """Windows that belong to this copy alone."""
        self._holds: dict[Any, Timestamp] = {}
        """The earliest hold of each window that has one."""
        self._closed: list[Any] = []
        """The windows that take no element any more, but were not forgotten yet."""
        self._earliest_end_us = _NEVER_US
        """No other window ends before."""

    def copy(self) -> WindowState:
        """Return a copy for one bundle."""
        shared = WindowState()
        shared.timers = defaultdict(dict, {window: dict(timers) for window, timers in self.timers.items()})
        # The ids of windows: none of ours merge, so the lists of ids do not change.
        shared.global_state = {tag: copy.copy(value) for tag, value in self.global_state.items()}
        shared.state = defaultdict(shared.state.default_factory, self.state)
        shared._holds = dict(self._holds)
        shared._closed = list(self._closed)
        shared._earliest_end_us = self._earliest_end_us
        return shared

    def write_to(self, window: Any) -> None:
        """Let the window's state belong to this copy alone; to be called before it is changed."""
        if window not in self.written:
            self.written.add(window)
            if window in self.state:
                tags = self.state[window]
                own = {tag: _own(value) for tag, value in tags.items()}
                self.state[window] = defaultdict(tags.default_factory, own)

    def add_state(self, window: Any, tag: Any, value: Any) -> None:
        """As the runner does, on a window of one's own."""
        self.write_to(window)
        if tag.tag == _HOLD:
            self._holds[window] = min(value, self._holds.get(window, value))
        super().add_state(window, tag, value)

    def clear_state(self, window: Any, tag: Any) -> None:
        """As the runner does, on a window of one's own."""
        self.write_to(window)
        if tag.tag == _HOLD:
            self._holds.pop(window, None)
        super().clear_state(window, tag)

    def set_global_state(self, tag: Any, value: Any) -> None:
        """As the runner does, which comes here with each new window; that one is the last."""
        super().set_global_state(tag, value)
        if tag.tag == _WINDOW_IDS.tag and value:
            self._earliest_end_us = min(self._earliest_end_us, next(reversed(value)).end.micros)

    def get_earliest_hold(self) -> Timestamp:
        """As the runner does, without a look at the windows that hold nothing."""
        return min(self._holds.values()) - TIME_GRANULARITY if self._holds else MAX_TIMESTAMP

    def drop_holds_before(self, time: Timestamp) -> bool:
        """Let go of the watermark where it is past anyway; whether there was such a hold."""
        late = [window for window, held in self._holds.items() if held < time]
        for window in late:
            self.write_to(window)
            del self.state[window][_HOLD]
            del self._holds[window]
        return bool(late)

    def forget_windows(self, closed_us: int) -> bool:
        """Drop the windows that end before `closed_us` and wait for no timer; whether there were any.

        They take no element, so only a timer can bring another pane. A number may come again once its window
        is dropped: no timer that has fired may be under way to it.
        """
        windows = self.get_global_state(_WINDOW_IDS, {})
        if self._earliest_end_us < closed_us:
            self._closed = [window for window in windows if window.end.micros < closed_us]
            open_us = (end_us for window in windows if (end_us := window.end.micros) >= closed_us)
            self._earliest_end_us = min(open_us, default=_NEVER_US)
        over = [window for window in self._closed if not any(map(self.timers.__contains__, windows[window]))]
        for number in (number for window in over for number in windows.pop(window)):
            self.state.pop(number, None)
            self._holds.pop(number, None)
        self._closed = [window for window in self._closed if window in windows] if over else self._closed
        return bool(over)

    def is_empty(self) -> bool:
        """Whether the key has nothing at all."""
        return not (self.state or self.timers or self.get_global_state(_WINDOW_IDS))


def merge_deltas(state: WindowState, windowing: Any) -> None:
    """Add up what a window that gives out the whole again and again has had so far.

    The runner keeps every delta and adds all of them up for each pane: an hour of 5-second panes has 720.
    """
    if windowing.accumulation_mode != AccumulationMode.ACCUMULATING:
        return
    for window in state.written:
        deltas = state.state[window].get(_ELEMENTS, ()) if window in state.state else ()
        if len(deltas) > KEPT_DELTAS and all(type(delta) is dict for delta in deltas):
            state.state[window][_ELEMENTS] = [AddUpParts().merge_accumulators(deltas)]


def _own(value: Any) -> Any:
    return SharedList(value) if type(value) is list and len(value) > _SHORT else copy.copy(value)
