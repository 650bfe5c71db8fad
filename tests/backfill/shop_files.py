"""Files of messages in each format, and what a backfill's read makes of them."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from pipeline.elements import DeadLetter, Event, RawMessage
from pipeline.file_source import FileSource
from pipeline.files import cut_into_ranges, find_files
from pipeline.loads import Loads
from pipeline.read_counter import ReadCounter
from pipeline.rfc3339 import format_rfc3339
from pipeline.source import DeduplicateSettings
from pipeline.tables import Tables
from pipeline.transforms.parsing import ParseMessages, ParseSettings
from tests.archive.test_avro_files import WITH_METADATA, avro, record
from tests.contract.messages import GOOD
from tests.transforms.builders import at, clock_text
from tests.transforms.streams import run_read

_TAGS = {"order": "customer_id", "inventory": "product_id", "user_activity": "user_id"}
_TIMES = {"order": "order_date", "inventory": "timestamp", "user_activity": "timestamp"}


def sent(
    tag: str, event_id: str | None, seconds: float = 0, kind: str = "order", **fields: Any
) -> RawMessage:
    """A message published so many seconds after noon; `tag` tells it from its duplicates."""
    payload = {**GOOD[kind], _TAGS[kind]: tag, _TIMES[kind]: clock_text(seconds), **fields}
    attributes = {"event_type": kind} | ({} if event_id is None else {"event_id": event_id})
    return RawMessage(orjson.dumps(payload), attributes, tag, at(seconds))


def plain(tag: str, event_id: str, seconds: float = 0, kind: str = "order", **fields: Any) -> bytes:
    """The line of an event that says its type and id itself, and is published at its own time."""
    members = {"event_type": kind, "event_id": event_id, **GOOD[kind]}
    return orjson.dumps({**members, _TAGS[kind]: tag, _TIMES[kind]: clock_text(seconds), **fields})


def envelope(message: RawMessage) -> bytes:
    """The line of an archived message."""
    assert message.publish_time_us is not None
    return orjson.dumps(
        {
            "data": base64.b64encode(message.payload).decode(),
            "attributes": message.attributes,
            "message_id": message.message_id,
            "publish_time": format_rfc3339(message.publish_time_us),
        }
    )


def write(path: Path, messages: Iterable[RawMessage | bytes]) -> Path:
    """A file in the format of its name; lines as they are, which Avro does not have."""
    if path.suffix == ".avro":
        records = [record(each) for each in messages if isinstance(each, RawMessage)]
        path.write_bytes(avro(WITH_METADATA, records))
        return path
    lines = [envelope(each) if isinstance(each, RawMessage) else each for each in messages]
    data = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


class Split(NamedTuple):
    """The tags of what was read, in order; of a refused message, its reason."""

    accepted: list[str]
    duplicates: list[str]
    rejected: list[str]


def tag(event: Event) -> str:
    return str(orjson.loads(event.message.payload)[_TAGS[event.event_type]])


def read_and_split(glob: Path | str, buckets: int = 3) -> Split:
    """Read files as a backfill does, through a graph of their own."""
    parse = ParseSettings()
    ranges = cut_into_ranges(find_files(str(glob)))
    source = FileSource(ranges, Loads((), "run-1", Tables(None, "unused")), parse, buckets, ReadCounter())

    def build(messages):
        parsed = messages | "ParseMessages" >> ParseMessages(parse)
        unique = parsed.events | "Deduplicate" >> source.deduplicate(DeduplicateSettings(1, buckets))
        return {**unique._asdict(), "dead_letters": parsed.dead_letters}

    outputs = run_read(source.read(), build).outputs
    letters: list[DeadLetter] = [each for chunk in outputs["dead_letters"] for each in chunk]
    return Split(
        sorted(tag(each) for chunk in outputs["events"] for each in chunk),
        sorted(tag(each) for chunk in outputs["duplicates"] for each in chunk),
        sorted(each.reason for each in letters),
    )
