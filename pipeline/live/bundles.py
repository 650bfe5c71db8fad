"""Spares the direct runner work that it does for every bundle of every step to no effect.

A step gives the runner one bundle for each of its outputs, also where nothing came out, and the runner
then starts every step behind it all the same: more than half of its bundles on a live run were empty
(docs/performance.md). And it pickles each DoFn anew before it takes a copy of it.
"""

from __future__ import annotations

from typing import Any

from apache_beam.internal import cloudpickle_pickler
from apache_beam.runners.direct import executor, transform_evaluator


def make_bundles_cheap() -> None:
    """Let this process run no empty bundles and pickle each DoFn once. Does no harm if repeated."""
    executor._ExecutorServiceParallelExecutor.schedule_consumers = _schedule_unless_empty
    if not isinstance(transform_evaluator.pickler, _PickledOnce):
        transform_evaluator.pickler = _PickledOnce()


_schedule_consumers = executor._ExecutorServiceParallelExecutor.schedule_consumers


def _schedule_unless_empty(running: Any, bundle: Any) -> None:
    """Hand a bundle to the steps behind it. Watermarks and timers take other ways and need none."""
    if bundle.has_elements():
        _schedule_consumers(running, bundle)


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
