"""Which events of a backfill's files are duplicates, found out before the files are processed."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray

from pipeline import chunk_memory
from pipeline.chunks import Chunk
from pipeline.clock import now_us
from pipeline.elements import ByteRange
from pipeline.errors import Rejected
from pipeline.files import AVRO, read_blocks, read_places, read_records
from pipeline.read_counter import AHEAD, ReadCounter
from pipeline.repeats import FINGERPRINT_BITS, fingerprint_of_message, fingerprints_of_lines, repeated
from pipeline.seen_ids import identity_key
from pipeline.transforms.parsing import ParseSettings, parser_of


class Sighting(NamedTuple):
    """An event that may be there more than once."""

    number: int
    """Of its range."""
    place: int
    """In its range: the offset of its line, or the number of its record."""
    publish_time_us: int
    identity: bytes
    """pipeline.seen_ids.identity_key of the event."""


class LookAhead(beam.PTransform):
    """Find the events that stand in the files before, by (event_type, event_id).

    First only a fingerprint of each event id is taken, and shuffled in `buckets`, 8 bytes an event. The few
    events whose fingerprint is there more than once are then read, parsed and compared. The first of equal
    ones is the one that was published first, and of these the one in the earlier range and place; a message
    that is refused is nobody's duplicate.

    Input: (number, ByteRange), numbered in the order of paths and places.
    Output: (number of a range, [place]), where its duplicates are.
    Source: docs/adr/0011-files-are-read-ahead.md
    """

    def __init__(self, parse: ParseSettings, buckets: int, counter: ReadCounter) -> None:
        super().__init__()
        self.parse = parse
        self.buckets = buckets
        self.counter = counter

    def expand(self, ranges: beam.PCollection) -> beam.PCollection:
        repeats = (
            ranges
            | "TakeFingerprints"
            >> beam.ParDo(_TakeFingerprints(self.buckets, self.counter)).with_output_types(tuple[int, bytes])
            | "GroupFingerprints" >> beam.GroupByKey()
            | "FindRepeats" >> beam.ParDo(_FindRepeats()).with_output_types(tuple[int, bytes])
        )
        read = beam.ParDo(_ReadRepeats(self.parse, self.buckets)).with_output_types(tuple[int, Chunk])
        return (
            {"ranges": ranges, "places": repeats}
            | "JoinRepeats" >> beam.CoGroupByKey()
            | "ReadRepeats" >> read
            | "GroupSightings" >> beam.GroupByKey()
            | "Compare" >> beam.ParDo(_Compare()).with_output_types(tuple[int, list[int]])
        )


def later_ones(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Those whose event was seen before, whatever order they come in."""
    seen: set[bytes] = set()
    later: list[Sighting] = []
    for sighting in sorted(sightings, key=_order):
        if sighting.identity in seen:
            later.append(sighting)
        seen.add(sighting.identity)
    return later


def _order(sighting: Sighting) -> tuple[int, int, int]:
    return sighting.publish_time_us, sighting.number, sighting.place


PLACE_BITS = 64 - FINGERPRINT_BITS
"""A block holds fewer bytes, and fewer records, than these can count."""
_HEAD = struct.Struct("<IQ")
"""Number of the range, and the place in it from which a block counts."""


class _TakeFingerprints(beam.DoFn):
    def __init__(self, buckets: int, counter: ReadCounter) -> None:
        self.buckets = buckets
        self.counter = counter

    def setup(self) -> None:
        chunk_memory.settle()

    def teardown(self) -> None:
        chunk_memory.unsettle()

    def process(self, numbered: tuple[int, ByteRange]) -> Iterator[tuple[int, bytes]]:
        number, byte_range = numbered
        for first, found, places in _fingerprints(byte_range):
            buckets = found % np.uint64(self.buckets)
            found = found << np.uint64(PLACE_BITS) | places
            head = _HEAD.pack(number, first)
            for bucket in range(self.buckets):
                yield bucket, head + found[buckets == bucket].tobytes()
        self.counter.add(AHEAD, byte_range.end - byte_range.start)


def _fingerprints(byte_range: ByteRange) -> Iterator[tuple[int, NDArray[np.uint64], NDArray[np.uint64]]]:
    """(first place, fingerprints, their places from the first) of each block."""
    if not byte_range.path.endswith(AVRO):
        for offset, data in read_blocks(byte_range):
            yield offset, *fingerprints_of_lines(data)
        return
    for first, messages in read_records(byte_range):
        found = [(fingerprint_of_message(each), place) for place, each in enumerate(messages)]
        known = np.array([each for each in found if each[0] is not None], np.uint64).reshape(-1, 2)
        yield first, known[:, 0], known[:, 1]


class _FindRepeats(beam.DoFn):
    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
        blocks = [
            (_HEAD.unpack_from(block), np.frombuffer(block, np.uint64, offset=_HEAD.size))
            for block in element[1]
        ]
        found = np.concatenate([each for _, each in blocks])
        again = repeated(found >> np.uint64(PLACE_BITS))
        places: dict[int, list[NDArray[np.uint64]]] = {}
        end = 0
        for (number, first), each in blocks:
            start, end = end, end + len(each)
            here = each[again[start:end]] & np.uint64((1 << PLACE_BITS) - 1)
            if len(here):
                places.setdefault(number, []).append(here + np.uint64(first))
        for number, found_there in places.items():
            yield number, np.concatenate(found_there).tobytes()


class _ReadRepeats(beam.DoFn):
    def __init__(self, parse: ParseSettings, buckets: int) -> None:
        self.parse = parse
        self.buckets = buckets

    def process(
        self, element: tuple[int, dict[str, Iterable[object]]]
    ) -> Iterator[tuple[int, list[Sighting]]]:
        number, joined = element
        places = np.frombuffer(b"".join(joined["places"]), np.uint64).tolist()  # type: ignore[arg-type]
        if not places:
            return
        by_bucket: dict[int, list[Sighting]] = {}
        parser = parser_of(self.parse)
        processed_at_us = now_us()
        for byte_range in joined["ranges"]:
            for place, message in read_places(byte_range, places):  # type: ignore[arg-type]
                try:
                    event = parser.parse(message, processed_at_us)
                except Rejected:
                    continue  # nobody's duplicate
                identity = identity_key(event)
                bucket = int.from_bytes(identity[:4], "big") % self.buckets
                sighting = Sighting(number, place, event.publish_time_us, identity)
                by_bucket.setdefault(bucket, []).append(sighting)
        yield from by_bucket.items()


class _Compare(beam.DoFn):
    def process(self, element: tuple[int, Iterable[list[Sighting]]]) -> Iterator[tuple[int, list[int]]]:
        places: dict[int, list[int]] = {}
        for sighting in later_ones(each for sightings in element[1] for each in sightings):
            places.setdefault(sighting.number, []).append(sighting.place)
        yield from places.items()
