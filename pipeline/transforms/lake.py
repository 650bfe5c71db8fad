"""The lake: accepted events as Parquet files under processed/event_type=…/date=…/hour=…/."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import apache_beam as beam
import orjson
import pyarrow as pa
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import (
    BoundedWindow,
    GlobalWindow,
    GlobalWindows,
    IntervalWindow,
    TimestampedValue,
)
from apache_beam.utils.windowed_value import PaneInfo, WindowedValue

from pipeline.arrow_schema import arrow_schema
from pipeline.chunks import Chunk
from pipeline.contract import load_contract
from pipeline.elements import ByteRange, Event
from pipeline.objects import ObjectWriter
from pipeline.rfc3339 import MIN_US, format_rfc3339
from pipeline.transforms.lake_parts import LakePart, joined, lake_part, parquet_bytes
from pipeline.windows import beam_timestamp, into_deltas

HOUR_US = 3_600_000_000


class LakeSettings(NamedTuple):
    """Where the lake is and how files are cut."""

    root: str
    """`gs://bucket` or a local folder."""
    window_seconds: int = 60
    """A file holds the events published in one such window."""
    pane_seconds: int | None = 60
    """A window that stays open is also written after so long, so that a stalled watermark cannot hold
    events back. None: only when everything has been read."""
    lateness_seconds: int = 604_800
    shards: int = 1
    """Files written side by side for one hour of one type."""
    alone_from_rows: int | None = None
    """A range of a file that brings so many rows for one file of the lake writes them as one of its own.
    None: none does."""
    schemas_path: str | None = None
    rows_at_once: int = 50_000
    """A range that brings more rows than these writes them in several turns, to keep memory small."""


class WriteLake(beam.PTransform):
    """Write events into Parquet files of the contract's Arrow schema, partitioned by event time.

    A file's name holds its window of publish time, its pane and a hash of its event ids, so that a repeated
    bundle writes the same file again and no pane overwrites another.

    Input: list[Event].
    Output: list[str], for each finished file the ids of its messages, as `message_ids` gives them.
    """

    def __init__(self, settings: LakeSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, events: beam.PCollection) -> beam.PCollection:
        settings = self.settings
        if settings.alone_from_rows is None:
            partition = beam.ParDo(_PartitionByHour(settings)).with_output_types(tuple[str, LakePart])
            return events | "PartitionByHour" >> partition | "GatherParts" >> _GatherParts(settings)
        write = beam.ParDo(_WriteLargeParts(settings, settings.alone_from_rows)).with_output_types(
            Chunk, small=tuple[str, LakePart]
        )
        split = events | "WriteLargeParts" >> write.with_outputs("small", main="written")
        gathered = split.small | "GatherParts" >> _GatherParts(settings)
        return (split.written, gathered) | "AllFiles" >> beam.Flatten()


class _GatherParts(beam.PTransform):
    """Write the parts of a window and pane as one file. Input: (key, LakePart). Output: list[str]."""

    def __init__(self, settings: LakeSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, parts: beam.PCollection) -> beam.PCollection:
        settings = self.settings
        return (
            parts
            | "IntoFileWindows"
            >> into_deltas(settings.window_seconds, settings.pane_seconds, settings.lateness_seconds)
            | "GroupByFile" >> beam.GroupByKey()
            | "WriteFile" >> beam.ParDo(_WriteFile(settings)).with_output_types(Chunk)
            | "InOneWindow" >> beam.WindowInto(GlobalWindows())
        )


class _Place(NamedTuple):
    event_type: str
    hour: int
    """Of the event time, since 1970."""
    window_start_us: int
    """Of the publish time."""
    shard: int

    @property
    def key(self) -> str:
        moment = format_rfc3339(self.hour * HOUR_US)
        path = f"event_type={self.event_type}/date={moment[:10]}/hour={moment[11:13]}"
        return f"{path}#{self.shard}"


def partition(events: Iterable[Event], settings: LakeSettings) -> dict[_Place, LakePart]:
    """The parts of a chunk, a key and window each."""
    window_us, shards = settings.window_seconds * 1_000_000, settings.shards
    groups: dict[tuple[str, int, int, int], list[Event]] = {}
    for event in events:
        shard = hash_shard(event.event_id, shards) if shards > 1 else 0
        place = event.event_type, event.event_time_us // HOUR_US, event.publish_time_us // window_us, shard
        group = groups.get(place)
        if group is None:
            group = groups[place] = []
        group.append(event)
    return {
        _Place(event_type, hour, window * window_us, shard): lake_part(group)
        for (event_type, hour, window, shard), group in groups.items()
    }


@lru_cache(maxsize=64)
def _schema(schemas_path: str | None, event_type: str) -> pa.Schema:
    return arrow_schema(load_contract(schemas_path).table_of(event_type))


class _PartitionByHour(beam.DoFn):
    def __init__(self, settings: LakeSettings) -> None:
        self.settings = settings

    def process(self, events: list[Event]) -> Iterator[TimestampedValue]:
        for place, part in partition(events, self.settings).items():
            yield TimestampedValue((place.key, part), beam_timestamp(place.window_start_us))


def hash_shard(event_id: str, shards: int) -> int:
    """Which of `shards` files an event goes to."""
    return int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=4).digest(), "big") % shards


class _Files:
    """The files of one bundle, written while the bundle goes on."""

    def __init__(self, settings: LakeSettings) -> None:
        self.settings = settings
        self.files = Metrics.counter("lake", "files_written")
        self.rows = Metrics.counter("lake", "rows_written")

    def start(self) -> None:
        self._writer = ObjectWriter()
        self._finished: list[WindowedValue] = []

    def write(
        self, key: str, window_start_us: int, label: str, part: LakePart, window: BoundedWindow
    ) -> None:
        """Begin to write a part as a file, whose message ids belong to `window`."""
        partition_path, _, shard = key.rpartition("#")
        event_type = partition_path.split("/", 1)[0].removeprefix("event_type=")
        content = hashlib.blake2b(orjson.dumps(sorted(part.event_ids)), digest_size=8).hexdigest()
        start = format_rfc3339(max(MIN_US, window_start_us))[:19].replace(":", "")
        data = parquet_bytes(part, _schema(self.settings.schemas_path, event_type))
        name = f"{start}-shard-{shard}-{label}-{content}.parquet"
        self._writer.write(f"{self.settings.root}/processed/{partition_path}/{name}", data)
        self.files.inc()
        self.rows.inc(len(part.event_ids))
        self._finished.append(WindowedValue(part.message_ids, window.max_timestamp(), (window,)))

    def finish(self) -> list[WindowedValue]:
        """Wait until all are written, and return the message ids of each."""
        self._writer.finish()
        return self._finished


class _WriteLargeParts(beam.DoFn):
    """Gathers what the chunks of a range bring; a chunk is of one range, and those of a range come together.

    Ranges and the order in them are the same however often and by how many workers files are read, and so
    are the files of the lake.
    """

    def __init__(self, settings: LakeSettings, alone_from_rows: int) -> None:
        self.settings = settings
        self.alone_from_rows = alone_from_rows
        self.files = _Files(settings)

    def start_bundle(self) -> None:
        self.files.start()
        self._range: ByteRange | None = None
        self._gathered: dict[_Place, list[LakePart]] = {}
        self._row_count = 0

    def process(self, events: list[Event]) -> Iterator[object]:
        byte_range = events[0].message.read_from
        if byte_range != self._range or self._row_count + len(events) > self.settings.rows_at_once:
            yield from self._write()
        self._range = byte_range
        self._row_count += len(events)
        for place, part in partition(events, self.settings).items():
            self._gathered.setdefault(place, []).append(part)

    def finish_bundle(self) -> Iterator[object]:
        yield from self._write()
        yield from self.files.finish()

    def _write(self) -> Iterator[object]:
        for place in list(self._gathered):
            part = joined(self._gathered.pop(place))
            if len(part.event_ids) >= self.alone_from_rows:
                self.files.write(place.key, place.window_start_us, "range", part, GlobalWindow())
                continue
            stamp = beam_timestamp(place.window_start_us)
            small = WindowedValue((place.key, part), stamp, (GlobalWindow(),))
            yield beam.pvalue.TaggedOutput("small", small)
        self._row_count = 0


class _WriteFile(beam.DoFn):
    def __init__(self, settings: LakeSettings) -> None:
        self.files = _Files(settings)

    def start_bundle(self) -> None:
        self.files.start()

    def process(
        self,
        element: tuple[str, Iterable[LakePart]],
        window: IntervalWindow = beam.DoFn.WindowParam,
        pane: PaneInfo = beam.DoFn.PaneInfoParam,
    ) -> None:
        key, parts = element[0], list(element[1])
        if parts:
            label = f"pane-{max(0, pane.index)}"
            self.files.write(key, window.start.micros, label, joined(parts), window)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self.files.finish()
