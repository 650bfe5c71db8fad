"""A list that grows at its end, and of which a copy costs nothing, however long it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any


class SharedList(Sequence[Any]):
    """The first so many values of a list that several copies share.

    No value in front of a copy's end ever changes. The copy that appends first goes on in the shared list;
    another that appends as well (its bundle is a repetition) goes on in a list of its own.
    """

    __slots__ = ("_length", "_values")

    def __init__(self, values: Iterable[Any]) -> None:
        self._values = list(values)
        self._length = len(self._values)

    def __copy__(self) -> SharedList:
        copied = SharedList(())
        copied._values, copied._length = self._values, self._length
        return copied

    def append(self, value: Any) -> None:
        """Add a value at the end of this copy alone."""
        if len(self._values) > self._length:
            self._values = self._values[: self._length]
        self._values.append(value)
        self._length += 1

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return islice(self._values, self._length)

    def __getitem__(self, place: Any) -> Any:
        if len(self._values) > self._length:
            return self._values[: self._length][place]
        return self._values[place]
