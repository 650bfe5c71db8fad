"""Chunks: the hot path works on lists, because crossing a step per element costs more than the work."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import Coder, registry
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MAX_TIMESTAMP, Timestamp
from apache_beam.utils.windowed_value import WindowedValue

CHUNK_ELEMENTS = 500
CHUNK_BYTES = 4_000_000


class Chunk:
    """The type of a PCollection of lists; at run time they are plain lists."""


def nothing(_: object) -> Iterable[Any]:
    """What a step gives out that gives out nothing."""
    return ()


class ChunkCoder(Coder):
    """Pickles a list as a whole.

    Beam's own coder of lists encodes element by element, and so do runners that only want to know how large
    an element is. They ask for every chunk, since there are few: here, one element answers for all.
    """

    def encode(self, chunk: list[Any]) -> bytes:
        return pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL)

    def decode(self, encoded: bytes) -> list[Any]:
        chunk: list[Any] = pickle.loads(encoded)
        return chunk

    def estimate_size(self, chunk: list[Any]) -> int:
        return len(chunk) * len(pickle.dumps(chunk[0], pickle.HIGHEST_PROTOCOL)) if chunk else 0

    def is_deterministic(self) -> bool:
        return False


registry.register_coder(Chunk, ChunkCoder)


class GatherChunks(beam.PTransform):
    """Gather the lists of a bundle into lists of about `chunk_elements`.

    Of fewer, if `bytes_of` is given and what it says of each adds up to CHUNK_BYTES.

    Input: list[T] in the global window.
    Output: list[T], none empty, stamped with the earliest time of what it holds, so that a
    watermark can never pass an element inside a chunk.
    """

    def __init__(
        self, chunk_elements: int = CHUNK_ELEMENTS, bytes_of: Callable[[Any], int] | None = None
    ) -> None:
        super().__init__()
        self.chunk_elements = chunk_elements
        self.bytes_of = bytes_of

    def expand(self, lists: beam.PCollection) -> beam.PCollection:
        gather = beam.ParDo(_GatherBundle(self.chunk_elements, self.bytes_of)).with_output_types(Chunk)
        return lists | "GatherBundle" >> gather


class _GatherBundle(beam.DoFn):
    def __init__(self, chunk_elements: int, bytes_of: Callable[[Any], int] | None = None) -> None:
        self.chunk_elements = chunk_elements
        self.bytes_of = bytes_of

    def start_bundle(self) -> None:
        self._buffer: list[Any] = []
        self._bytes = 0
        self._earliest: Timestamp = MAX_TIMESTAMP

    def process(
        self, elements: list[Any], timestamp: Timestamp = beam.DoFn.TimestampParam
    ) -> Iterator[WindowedValue]:
        self._buffer.extend(elements)
        self._earliest = min(self._earliest, timestamp)
        if self.bytes_of is not None:
            self._bytes += sum(map(self.bytes_of, elements))
        if len(self._buffer) >= self.chunk_elements or self._bytes >= CHUNK_BYTES:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self._flush()

    def _flush(self) -> Iterator[WindowedValue]:
        if self._buffer:
            yield WindowedValue(self._buffer, self._earliest, (GlobalWindow(),))
            self._buffer = []
            self._bytes = 0
            self._earliest = MAX_TIMESTAMP
