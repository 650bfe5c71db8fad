"""Spares the direct runner work that it does for every bundle of every step to no effect.

A step gives the runner one bundle for each of its outputs, also where nothing came out, and the runner
then starts every step behind it all the same: more than half of its bundles on a live run were empty
(docs/performance.md). And it pickles each DoFn anew before it takes a copy of it.

It also lets late elements hold the watermark back: their windows end in the past, and until their pane is
given out no on-time pane is, so that with some late ones in every second alerts came half a minute late.
"""

from __future__ import annotations

from typing import Any

from apache_beam.internal import cloudpickle_pickler
from apache_beam.runners.direct import executor, transform_evaluator

from pipeline.live.forgetting import forget_what_is_over
from pipeline.live.window_state import copy_only_what_changes, merge_deltas


def make_bundles_cheap() -> None:
    """Let this process run no empty bundles, pickle each DoFn once, and not wait for what is late.

    Does no harm if repeated.
    """
    executor._ExecutorServiceParallelExecutor.schedule_consumers = _schedule_unless_empty
    transform_evaluator._StreamingGroupAlsoByWindowEvaluator.process_element = _process_without_late_holds
    copy_only_what_changes()
    forget_what_is_over()
    if not isinstance(transform_evaluator.pickler, _PickledOnce):
        transform_evaluator.pickler = _PickledOnce()


_schedule_consumers = executor._ExecutorServiceParallelExecutor.schedule_consumers


def _schedule_unless_empty(running: Any, bundle: Any) -> None:
    """Hand a bundle to the steps behind it. Watermarks and timers take other ways and need none."""
    if bundle.has_elements():
        _schedule_consumers(running, bundle)


_process_group = transform_evaluator._StreamingGroupAlsoByWindowEvaluator.process_element


def _process_without_late_holds(evaluator: Any, element: Any) -> None:
    """Process a key's elements and timers; what was late already holds nothing back."""
    _process_group(evaluator, element)
    key = element.value.encoded_key
    state = evaluator._step_context.get_keyed_state(key)
    manager = evaluator._evaluation_context._watermark_manager
    reached = manager.get_watermarks(evaluator._applied_ptransform).output_watermark
    merge_deltas(state, evaluator._applied_ptransform.transform.windowing)
    # Without its hold a pane has its window's end for a time, which is what the hold said.
    if state.drop_holds_before(reached):
        evaluator.keyed_holds[key] = state.get_earliest_hold()


class _PickledOnce:
    """Stands in for Beam's pickler: each bundle still gets a DoFn of its own."""

    def __init__(self) -> None:
        self._pickled: dict[int, tuple[Any, bytes]] = {}  # the DoFn is kept, so that no other gets its id

    def roundtrip(self, dofn: Any) -> Any:
        """A copy of the DoFn as it was the first time."""
        known = self._pickled.get(id(dofn))
        if known is None:
            known = self._pickled[id(dofn)] = dofn, cloudpickle_pickler._dumps(dofn)
        return cloudpickle_pickler._loads(known[1])
