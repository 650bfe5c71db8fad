"""Percentiles within one percent, from counts that add up."""

from __future__ import annotations

import math
from collections.abc import Mapping

RELATIVE_ERROR = 0.01
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
SMALLEST = 0.001
"""Values below are counted as zero."""


class Histogram:
    """Counts per logarithmic bucket: percentiles within `RELATIVE_ERROR`, in any order of addition.

    The buckets are those of DDSketch (Masson, Rim, Lee: DDSketch, VLDB 2019), without a bound on their
    number: from a millisecond to a year there are about 1,500.
    """

    __slots__ = ("counts",)

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts: dict[int, int] = dict(counts or {})

    def add(self, value: float) -> None:
        """Count one value; a negative one counts as zero."""
        self.add_times({value: 1})

    def add_times(self, times: Mapping[float, int]) -> None:
        """Count several values, each so many times."""
        for value, count in times.items():
            bucket = math.ceil(math.log(value) / _LOG_GAMMA) if value >= SMALLEST else _ZERO
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    def add_all(self, other: Histogram) -> None:
        """Add what another one has counted."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count

    def since(self, earlier: Histogram) -> Histogram:
        """What this one has counted since it was a copy of `earlier`."""
        counts = self.counts
        return Histogram(
            {
                bucket: count - before
                for bucket, count in counts.items()
                if count != (before := earlier.counts.get(bucket, 0))
            }
        )

    def percentile(self, share: float) -> float | None:
        """The value below which `share` (0..1) of the values lie, or None if nothing was counted."""
        if not self.counts:
            return None
        rank = max(1, math.ceil(share * sum(self.counts.values())))
        for bucket in sorted(self.counts):
            rank -= self.counts[bucket]
            if rank <= 0:
                break
        return 0.0 if bucket == _ZERO else round(2 * _GAMMA**bucket / (_GAMMA + 1), 3)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __reduce__(self) -> tuple[type[Histogram], tuple[dict[int, int]]]:
        return Histogram, (self.counts,)


_ZERO = math.floor(math.log(SMALLEST) / _LOG_GAMMA) - 1
