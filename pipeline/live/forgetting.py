"""Lets the direct runner forget windows and keys that are over, also where nothing comes any more.

A key of the lake gets its last event within the hour that it stands for. So it is not enough to look at a
key when it is processed: when a step's watermark has moved, all its keys are looked at.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from apache_beam.runners.direct.direct_runner import _StreamingGroupAlsoByWindow
from apache_beam.runners.direct.watermark_manager import WatermarkManager


def forget_what_is_over() -> None:
    """Let this process forget what is over before it looks for timers. Does no harm if repeated."""
    WatermarkManager.extract_all_timers = _extract_after_forgetting


_extract_all_timers = WatermarkManager.extract_all_timers


def _extract_after_forgetting(manager: Any) -> Any:
    """The runner's walk over all keys; between bundles, and on the one thread that runs them."""
    grouping = _GROUPING.get(manager)
    if grouping is None:
        grouping = _GROUPING[manager] = [
            GroupingStep(watermarks, watermarks._keyed_states, applied.transform.windowing)
            for applied, watermarks in manager._transform_to_watermarks.items()
            if isinstance(applied.transform, _StreamingGroupAlsoByWindow)
        ]
    for step in grouping:
        step.forget()
    return _extract_all_timers(manager)


class GroupingStep:
    """A step whose state is kept by key and window."""

    def __init__(self, watermarks: Any, keyed_states: dict[Any, Any], windowing: Any) -> None:
        self._watermarks = watermarks
        self._keyed_states = keyed_states
        self._lateness_us = windowing.allowed_lateness.micros
        self._looked_at: Any = None

    def forget(self) -> None:
        """Drop the windows that are over, and the keys of which nothing is left."""
        watermark = self._watermarks.input_watermark
        if watermark == self._looked_at:
            return
        self._looked_at = watermark
        closed_us = watermark.micros - self._lateness_us
        # A timer that has fired is not in the state any more if an element came first and did its work.
        awaited = {firing.encoded_key for firing in self._watermarks._fired_timers}
        over = []
        for key, state in self._keyed_states.items():
            if key in awaited:
                continue
            if state.forget_windows(closed_us):
                # The runner leaves a hold behind if the last pane came with an element, not with its timer.
                self._watermarks.hold({key: state.get_earliest_hold()})
            if state.is_empty():
                over.append(key)
        for key in over:
            del self._keyed_states[key]


_GROUPING: WeakKeyDictionary[Any, list[GroupingStep]] = WeakKeyDictionary()
