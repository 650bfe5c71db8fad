"""The incidents of a run in order of time: what is bent at a moment, found quickly."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from generator.incidents import KINDS, Conditions, Incident, conditions_at

_PARTS = 200
"""A gradual incident goes from its start to its end in so many steps, if the clocks' own are longer."""


class Timeline:
    """Answers for any moment without looking at every incident of a run of months.

    Times are µs after the start of the simulation.
    """

    def __init__(self, incidents: Sequence[Incident]) -> None:
        """Cut the run at the edges of `incidents`: between two of them the same ones are under way."""
        self._edges = sorted({edge for each in incidents for edge in (each.start_us, each.end_us)})
        self._under_way = [
            tuple(each for each in incidents if each.start_us <= edge < each.end_us) for edge in self._edges
        ]
        self._steady = [
            None if any(KINDS[each.kind].is_gradual for each in together) else conditions_at(together, edge)
            for edge, together in zip(self._edges, self._under_way, strict=True)
        ]
        self._calm = Conditions()

    def at(self, elapsed_us: int) -> Conditions:
        """Return what the incidents under way do together; not to be changed."""
        index = bisect_right(self._edges, elapsed_us) - 1
        if index < 0:
            return self._calm
        return self._steady[index] or conditions_at(self._under_way[index], elapsed_us)

    def changes_us(self) -> list[int]:
        """Return when conditions jump, and often enough in between where they slide."""
        changes = set(self._edges)
        for together in self._under_way:
            for each in together:
                if KINDS[each.kind].is_gradual:
                    length_us = each.end_us - each.start_us
                    changes.update(each.start_us + length_us * part // _PARTS for part in range(_PARTS))
        return sorted(changes)
