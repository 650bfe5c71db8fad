"""Files as a source: what a backfill reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import TimestampedValue

from pipeline import chunk_memory
from pipeline.chunks import Chunk
from pipeline.clock import now_us
from pipeline.elements import ByteRange
from pipeline.files import read_chunks
from pipeline.loads import Loads
from pipeline.read_counter import LOADED, ReadCounter
from pipeline.source import DeduplicateSettings, Source
from pipeline.transforms.deduplication import DeduplicateOutputs
from pipeline.transforms.loads import RecordLoads
from pipeline.transforms.look_ahead import LookAhead
from pipeline.transforms.parsing import ParseSettings, parse_chunk, parser_of
from pipeline.windows import beam_timestamp


class FileSource(Source):
    """Ranges of files, plain, `.gz` or `.avro`, local or `gs://`.

    Duplicates are found by looking ahead, and left out where the files are read: so no event has to be
    shuffled. Ids are remembered for the whole run.
    """

    def __init__(
        self,
        ranges: Sequence[ByteRange],
        loads: Loads,
        parse: ParseSettings,
        buckets: int,
        counter: ReadCounter,
    ) -> None:
        self.ranges = list(enumerate(ranges))
        self.loads = loads
        self.parse = parse
        self.look_ahead = LookAhead(parse, buckets, counter)
        self.counter = counter
        self.duplicates: beam.PCollection | None = None
        """list[Event], known once `read` is part of a graph."""

    def read(self) -> beam.PTransform:
        """PBegin -> list[RawMessage]."""
        return ReadFiles(self)

    def deduplicate(self, settings: DeduplicateSettings) -> beam.PTransform:
        """Nothing is left to do: the duplicates were not read."""
        return AddDuplicates(self)

    def record_loads(self) -> beam.PTransform:
        """Each file is recorded in `_load_metadata`, when all else is written."""
        return RecordLoads(self.loads)


class ReadFiles(beam.PTransform):
    """Read ranges of files line by line, but in blocks, and without duplicates.

    Output: list[RawMessage], one for each block, stamped with the earliest publish time in it.
    """

    def __init__(self, source: FileSource) -> None:
        super().__init__()
        self.source = source

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        spread = beam.Reshuffle().with_output_types(tuple[int, ByteRange])
        ranges = begin | "ListRanges" >> beam.Create(self.source.ranges) | "SpreadRanges" >> spread
        duplicates = ranges | "LookAhead" >> self.source.look_ahead
        read = beam.ParDo(_ReadRange(self.source.parse, self.source.counter)).with_output_types(
            Chunk, duplicates=Chunk
        )
        outputs = (
            {"ranges": ranges, "duplicates": duplicates}
            | "JoinDuplicates" >> beam.CoGroupByKey()
            | "ReadRange" >> read.with_outputs("duplicates", main="messages")
        )
        self.source.duplicates = outputs.duplicates
        return outputs.messages


class AddDuplicates(beam.PTransform):
    """Put beside the events what was left out. Input: list[Event]. Output: DeduplicateOutputs."""

    def __init__(self, source: FileSource) -> None:
        super().__init__()
        self.source = source

    def expand(self, events: beam.PCollection) -> DeduplicateOutputs:
        return DeduplicateOutputs(events, self.source.duplicates)


class _ReadRange(beam.DoFn):
    """Reads a range; all that is done to its messages is done before the next chunk is asked for."""

    def __init__(self, parse: ParseSettings, counter: ReadCounter) -> None:
        self.parse = parse
        self.counter = counter

    def start_bundle(self) -> None:
        chunk_memory.settle()

    def process(self, element: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[object]:
        _, joined = element
        duplicates = frozenset(place for places in joined["duplicates"] for place in places)
        for byte_range in joined["ranges"]:
            for messages, apart in read_chunks(byte_range, duplicates):
                if apart:
                    repeated = [message for _, message in apart]
                    events, _ = parse_chunk(parser_of(self.parse), repeated, now_us())
                    yield TaggedOutput("duplicates", events)
                if messages:
                    published = [m.publish_time_us for m in messages if m.publish_time_us is not None]
                    yield TimestampedValue(messages, beam_timestamp(min(published, default=0)))
            self.counter.add(LOADED, byte_range.end - byte_range.start)
        chunk_memory.collect()

    def finish_bundle(self) -> None:
        chunk_memory.give_back()

    def teardown(self) -> None:
        chunk_memory.unsettle()
