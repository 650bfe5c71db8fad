"""Sums that do not depend on the order of their parts, so that two runs over the same events agree."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_SCALE_BITS = 1_074  # the smallest positive double is 2**-1074: every double is a multiple of it
_SCALE = 1 << _SCALE_BITS
_ORDINARY_BITS = 60
_ORDINARY_SCALE = float(1 << _ORDINARY_BITS)

SKETCH_HASHES = 1_024
RECENT_HASHES = 32
"""What a sum of sums keeps unpacked: few enough for memory, enough for packing not to be felt."""
_HASH_SPACE = 1 << 64
_MOST_APART = 8


class ExactSum:
    """A sum of doubles without rounding, rounded once when it is read."""

    __slots__ = ("_ordinary", "_units")

    def __init__(self, units: int = 0, ordinary: int = 0) -> None:
        """Begin with so many units of `exact`, and `ordinary` units of 2**-60."""
        self._units = units
        self._ordinary = ordinary
        """Prices fit, and short numbers add up sooner."""

    def add_value(self, value: float, times: int = 1) -> None:
        """Add a finite double, `times` times."""
        ordinary = value * _ORDINARY_SCALE  # exact, unless it overflows
        if ordinary.is_integer():
            self._ordinary += int(ordinary) * times
        else:
            self._units += exact(value) * times

    def add(self, other: ExactSum) -> None:
        """Add another sum."""
        self._units += other._units
        self._ordinary += other._ordinary

    @property
    def units(self) -> int:
        """The sum in the units of `exact`."""
        return self._units + (self._ordinary << _SCALE_BITS - _ORDINARY_BITS)

    def value(self) -> float | None:
        """The nearest double, or None if the sum overflows one."""
        try:
            return self.units / _SCALE
        except OverflowError:
            return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactSum) and self.units == other.units

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __reduce__(self) -> tuple[type[ExactSum], tuple[int, int]]:
        return ExactSum, (self._units, self._ordinary)


def exact(value: float) -> int:
    """A finite double in the units of ExactSum."""
    numerator, denominator = value.as_integer_ratio()
    return numerator << (_SCALE_BITS + 1 - denominator.bit_length())


class DistinctCount:
    """Counts different values: exactly up to `SKETCH_HASHES`, beyond that within about 3 %.

    Keeps the smallest hashes (Bar-Yossef et al., Counting distinct elements in a data stream, 2002): new
    ones in a set, the others sorted, at 8 bytes each instead of a set's 80, since every window of every
    dimension has some.
    """

    __slots__ = ("apart", "overflowed", "packed", "recent")

    def __init__(self, packed: bytes = b"", overflowed: bool = False) -> None:
        self.packed = np.frombuffer(packed, np.uint64)
        self.apart: list[NDArray[np.uint64]] = []
        """What others have packed: they are put together several at a time."""
        self.recent: set[int] = set()
        self.overflowed = overflowed

    def add_hash(self, value_hash: int) -> None:
        """Count a value by its `distinct_hash`."""
        self.recent.add(value_hash)
        if len(self.recent) > SKETCH_HASHES:
            self._pack()

    def add(self, other: DistinctCount, *, keep_recent: int = RECENT_HASHES) -> None:
        """Count everything another one has counted; more than `keep_recent` new hashes are packed."""
        self.overflowed |= other.overflowed
        self.recent |= other.recent
        self.apart += other.apart
        if len(other.packed):
            self.apart.append(other.packed)
        if len(self.apart) > _MOST_APART or len(self.recent) > keep_recent:
            self._pack()

    def value(self) -> int:
        """The count."""
        self._pack()
        if not self.overflowed and len(self.packed) <= SKETCH_HASHES:
            return len(self.packed)
        return round((SKETCH_HASHES - 1) * _HASH_SPACE / int(self.packed[SKETCH_HASHES - 1]))

    def _pack(self) -> None:
        if not self.recent and not self.apart:
            return
        recent = np.fromiter(self.recent, np.uint64, len(self.recent))
        hashes = np.concatenate((self.packed, recent, *self.apart))
        hashes.sort()
        if len(recent) < len(hashes):
            first = np.ones(len(hashes), np.bool_)
            np.not_equal(hashes[1:], hashes[:-1], out=first[1:])
            hashes = hashes[first]
        self.packed = hashes
        self.recent.clear()
        self.apart.clear()
        if len(self.packed) > 2 * SKETCH_HASHES:
            self.packed = self.packed[:SKETCH_HASHES].copy()
            self.overflowed = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DistinctCount) and self.value() == other.value()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __reduce__(self) -> tuple[type[DistinctCount], tuple[bytes, bool]]:
        self._pack()
        return DistinctCount, (self.packed.tobytes(), self.overflowed)


@lru_cache(maxsize=16_384)  # who has ordered comes again: to pay, to send it back, for more
def distinct_hash(value: str) -> int:
    """64 evenly spread bits of a value, the same in every process."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big")
