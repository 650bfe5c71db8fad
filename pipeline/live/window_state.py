"""What the direct runner keeps of windows: nothing of those that are over, and the rest not copied anew.

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
from apache_beam.utils.timestamp import Timestamp

from pipeline.transforms.windowed_sums import AddUpParts

KEPT_DELTAS = 16
_WINDOW_IDS = MergeableStateAdapter.WINDOW_IDS
_ELEMENTS = GeneralTriggerDriver.ELEMENTS.tag


def keep_open_windows_only() -> None:
    """Let this process copy no state that a bundle does not change. Does no harm if repeated.

    To forget what is over is the part of `forget_closed_windows`, for which a step must know its watermark.
    """
    evaluation_context.DirectUnmergedState = WindowState


class WindowState(DirectUnmergedState):
    """The state of one key of one step: a copy shares each window with its original until it writes there.

    The runner writes to copies alone, and drops the original when it takes a copy over.
    """

    def __init__(self) -> None:
        super().__init__()
        self._written: set[Any] = set()

    def copy(self) -> WindowState:
        """Return a copy for one bundle."""
        shared = WindowState()
        shared.timers = defaultdict(dict, {window: dict(timers) for window, timers in self.timers.items()})
        # The ids of windows: none of ours merge, so the lists of ids do not change.
        shared.global_state = {tag: copy.copy(value) for tag, value in self.global_state.items()}
        shared.state = defaultdict(shared.state.default_factory, self.state)
        return shared

    def write_to(self, window: Any) -> None:
        """Let the window's state belong to this copy alone; to be called before it is changed."""
        if window not in self._written:
            self._written.add(window)
            if window in self.state:
                tags = self.state[window]
                self.state[window] = defaultdict(
                    tags.default_factory, {tag: copy.copy(value) for tag, value in tags.items()}
                )

    def add_state(self, window: Any, tag: Any, value: Any) -> None:
        """As the runner does, on a window of one's own."""
        self.write_to(window)
        super().add_state(window, tag, value)

    def clear_state(self, window: Any, tag: Any) -> None:
        """As the runner does, on a window of one's own."""
        self.write_to(window)
        super().clear_state(window, tag)


def forget_closed_windows(state: Any, windowing: Any, watermark: Timestamp) -> None:
    """Drop the windows of a key that take no element any more and have nothing left to give out."""
    windows = state.get_global_state(_WINDOW_IDS)
    if not windows or len(windows) < 2:
        return
    # The runner counts ids on from the highest that it knows: that one stays, or an id would come again.
    newest = max(number for ids in windows.values() for number in ids)
    closed = [
        window
        for window, ids in windows.items()
        if window.end + windowing.allowed_lateness < watermark
        and newest not in ids
        and not any(_has_something_left(state, number, windowing) for number in ids)
    ]
    for window in closed:
        for number in windows.pop(window):
            state.state.pop(number, None)


def merge_deltas(state: Any, windowing: Any) -> None:
    """Add up what a window that gives out the whole again and again has had so far.

    The runner keeps every delta and adds all of them up for each pane: an hour of 5-second panes has 720.
    """
    if windowing.accumulation_mode != AccumulationMode.ACCUMULATING:
        return
    for window, tags in list(state.state.items()):
        deltas = tags.get(_ELEMENTS, ())
        if len(deltas) > KEPT_DELTAS and all(type(delta) is dict for delta in deltas):
            state.write_to(window)
            state.state[window][_ELEMENTS] = [AddUpParts().merge_accumulators(deltas)]


def _has_something_left(state: Any, number: Any, windowing: Any) -> bool:
    """Whether a pane of the window is still to come: a timer waits, or elements that no pane had."""
    if state.timers.get(number):
        return True
    discarding = windowing.accumulation_mode == AccumulationMode.DISCARDING
    return discarding and bool(state.state.get(number, {}).get(_ELEMENTS))
