"""The lake: accepted events as Parquet files under processed/event_type=…/date=…/hour=…/."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows, IntervalWindow, TimestampedValue
from apache_beam.utils.windowed_value import PaneInfo

from pipeline.arrow_schema import arrow_schema
from pipeline.contract import load_contract
from pipeline.elements import Event
from pipeline.objects import write_object
from pipeline.rfc3339 import format_rfc3339
from pipeline.windows import beam_timestamp, into_deltas, window_start_us


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
    schemas_path: str | None = None


class LakePart(NamedTuple):
    """Rows for one file, as one chunk brings them."""

    rows: list[bytes]
    message_ids: list[str]


class WriteLake(beam.PTransform):
    """Write events into Parquet files of the contract's Arrow schema, partitioned by event time.

    A file is written under a temporary name and renamed; its name holds window, pane and a hash of its
    rows, so that a repeated bundle writes the same file again and no pane overwrites another.

    Input: list[Event]. Output: list[str], the message ids of the events in a finished file.
    """

    def __init__(self, settings: LakeSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, events: beam.PCollection) -> beam.PCollection:
        settings = self.settings
        return (
            events
            | "PartitionByHour"
            >> beam.ParDo(_PartitionByHour(settings)).with_output_types(tuple[str, LakePart])
            | "IntoFileWindows"
            >> into_deltas(settings.window_seconds, settings.pane_seconds, settings.lateness_seconds)
            | "GroupByFile" >> beam.GroupByKey()
            | "WriteFile" >> beam.ParDo(_WriteFile(settings)).with_output_types(list)
            | "InOneWindow" >> beam.WindowInto(GlobalWindows())
        )


def partition_path(event: Event) -> str:
    """`event_type=…/date=…/hour=…` of the event time."""
    moment = format_rfc3339(event.event_time_us)
    return f"event_type={event.event_type}/date={moment[:10]}/hour={moment[11:13]}"


def parquet_bytes(rows: list[bytes], schema: pa.Schema) -> bytes:
    """Rows (JSON objects) as one Parquet file of the given schema.

    Raises pyarrow.ArrowInvalid if a row does not fit the schema, which no accepted event does.
    """
    read = pyarrow.json.read_json(
        io.BytesIO(b"\n".join(rows)),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=1 << 26),
        parse_options=pyarrow.json.ParseOptions(
            explicit_schema=schema,
            newlines_in_values=False,
            unexpected_field_behavior="error",
        ),
    )
    table = read.select(schema.names).cast(schema)  # the reader says of every column that it may be null
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


@lru_cache(maxsize=64)
def _schema(schemas_path: str | None, event_type: str) -> pa.Schema:
    return arrow_schema(load_contract(schemas_path).table_of(event_type))


class _PartitionByHour(beam.DoFn):
    def __init__(self, settings: LakeSettings) -> None:
        self.settings = settings

    def process(self, events: list[Event]) -> Iterator[TimestampedValue]:
        parts: dict[tuple[str, int], LakePart] = {}
        for event in events:
            start_us = window_start_us(event.publish_time_us, self.settings.window_seconds)
            key = f"{partition_path(event)}#{hash_shard(event.event_id, self.settings.shards)}"
            part = parts.setdefault((key, start_us), LakePart([], []))
            part.rows.append(event.row)
            if event.message.message_id is not None:
                part.message_ids.append(event.message.message_id)
        for (key, start_us), part in parts.items():
            yield TimestampedValue((key, part), beam_timestamp(start_us))


def hash_shard(event_id: str, shards: int) -> int:
    """Which of `shards` files an event goes to."""
    if shards == 1:
        return 0
    return int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=4).digest(), "big") % shards


class _WriteFile(beam.DoFn):
    def __init__(self, settings: LakeSettings) -> None:
        self.settings = settings
        self.files = Metrics.counter("lake", "files_written")
        self.rows = Metrics.counter("lake", "rows_written")

    def process(
        self,
        element: tuple[str, Iterable[LakePart]],
        window: IntervalWindow = beam.DoFn.WindowParam,
        pane: PaneInfo = beam.DoFn.PaneInfoParam,
    ) -> Iterator[list[str]]:
        key, grouped = element
        partition, _, shard = key.rpartition("#")
        parts = list(grouped)
        rows = sorted(row for part in parts for row in part.rows)
        if not rows:
            return
        event_type = partition.split("/", 1)[0].removeprefix("event_type=")
        content = hashlib.blake2b(b"\n".join(rows), digest_size=8).hexdigest()
        name = (
            f"{format_rfc3339(window.start.micros)[:19].replace(':', '')}-shard-{shard}"
            f"-pane-{max(0, pane.index)}-{content}.parquet"
        )
        data = parquet_bytes(rows, _schema(self.settings.schemas_path, event_type))
        write_object(f"{self.settings.root}/processed/{partition}/{name}", data)
        self.files.inc()
        self.rows.inc(len(rows))
        yield [message_id for part in parts for message_id in part.message_ids]
