"""Sums that do not depend on the order of their parts, so that two runs over the same events agree."""

from __future__ import annotations

import hashlib
import heapq

_SCALE_BITS = 1_074  # the smallest positive double is 2**-1074: every double is a multiple of it
_SCALE = 1 << _SCALE_BITS

SKETCH_HASHES = 1_024
_HASH_SPACE = 1 << 64


class ExactSum:
    """A sum of doubles without rounding, rounded once when it is read."""

    __slots__ = ("units",)

    def __init__(self, units: int = 0) -> None:
        self.units = units

    def add_value(self, value: float, times: int = 1) -> None:
        """Add a finite double, `times` times."""
        self.units += exact(value) * times

    def add(self, other: ExactSum) -> None:
        """Add another sum."""
        self.units += other.units

    def value(self) -> float | None:
        """The nearest double, or None if the sum overflows one."""
        try:
            return self.units / _SCALE
        except OverflowError:
            return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactSum) and self.units == other.units

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __reduce__(self) -> tuple[type[ExactSum], tuple[int]]:
        return ExactSum, (self.units,)


def exact(value: float) -> int:
    """A finite double in the units of ExactSum."""
    numerator, denominator = value.as_integer_ratio()
    return numerator << (_SCALE_BITS + 1 - denominator.bit_length())


class DistinctCount:
    """Counts different values: exactly up to `SKETCH_HASHES`, beyond that within about 3 %.

    Keeps the smallest hashes (Bar-Yossef et al., Counting distinct elements in a data stream, 2002).
    """

    __slots__ = ("hashes", "overflowed")

    def __init__(self, hashes: frozenset[int] | set[int] = frozenset(), overflowed: bool = False) -> None:
        self.hashes = set(hashes)
        self.overflowed = overflowed

    def add_hash(self, value_hash: int) -> None:
        """Count a value by its `distinct_hash`."""
        self.hashes.add(value_hash)
        if len(self.hashes) > 2 * SKETCH_HASHES:
            self._trim()

    def add(self, other: DistinctCount) -> None:
        """Count everything another one has counted."""
        self.hashes |= other.hashes
        self.overflowed |= other.overflowed
        if len(self.hashes) > 2 * SKETCH_HASHES:
            self._trim()

    def value(self) -> int:
        """The count."""
        if not self.overflowed and len(self.hashes) <= SKETCH_HASHES:
            return len(self.hashes)
        largest_kept = heapq.nsmallest(SKETCH_HASHES, self.hashes)[-1]
        return round((SKETCH_HASHES - 1) * _HASH_SPACE / largest_kept)

    def _trim(self) -> None:
        self.hashes = set(heapq.nsmallest(SKETCH_HASHES, self.hashes))
        self.overflowed = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DistinctCount) and self.value() == other.value()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __reduce__(self) -> tuple[type[DistinctCount], tuple[set[int], bool]]:
        return DistinctCount, (self.hashes, self.overflowed)


def distinct_hash(value: str) -> int:
    """64 evenly spread bits of a value, the same in every process."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big")
