"""Avro files as messages: what a Pub/Sub to Cloud Storage subscription with `write_metadata` leaves.

Each record is `subscription_name`, `message_id`, `publish_time` (timestamp-micros), `attributes`
(map of string) and `data` (bytes). The subscription's text format keeps the data alone, so Avro it is.
https://cloud.google.com/pubsub/docs/create-cloudstorage-subscription#file_format
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import fastavro

from pipeline.elements import ByteRange, RawMessage
from pipeline.errors import PipelineError, UsageError, in_one_line
from pipeline.rfc3339 import MAX_US, MIN_US

_SYNC_BYTES = 16
_MESSAGE_BYTES = 100
"""What a message counts for beside its payload, so that a chunk of empty ones ends too."""
_TYPES = {
    "data": ("bytes", "string"),
    "message_id": ("string",),
    "publish_time": ("long", "timestamp-micros", "timestamp-millis"),
    "attributes": ("map of string",),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class AvroFileError(PipelineError):
    """A file is not Avro, is damaged or cut off, or its records are no messages."""


def check_avro(path: str, file: IO[bytes]) -> None:
    """Look at the header, the first record and the end of `file`, which can seek.

    Raises UsageError with one sentence if it holds no messages or is not whole. What a whole file does not
    show there, a damaged block in the middle, `read_avro` finds.
    """
    try:
        records = _open(path, file)
        header_end = file.tell()
        file.seek(header_end - _SYNC_BYTES)
        sync = file.read(_SYNC_BYTES)
        # The marker that ends the header ends every block, and so the file.
        file.seek(-_SYNC_BYTES, 2)
        if file.read(_SYNC_BYTES) != sync:
            raise AvroFileError(f"{path} is cut off: it does not end where an Avro block does")
        file.seek(header_end)
        _next_record(path, records)
    except AvroFileError as error:
        raise UsageError(f"--input_path: {error}.") from error


def read_avro(whole: ByteRange, file: IO[bytes], chunk_bytes: int) -> Iterator[list[RawMessage]]:
    """The messages of a file, in chunks of about `chunk_bytes` of payload.

    A file written without metadata holds payloads alone: no attributes, no ids and no publish times.
    Raises AvroFileError, or what `file` raises if it cannot be read.
    """
    records = _open(whole.path, file)
    chunk: list[RawMessage] = []
    bytes_in_chunk = number = 0
    while (record := _next_record(whole.path, records)) is not None:
        chunk.append(_message(whole, number, record))
        number += 1
        bytes_in_chunk += len(chunk[-1].payload) + _MESSAGE_BYTES
        if bytes_in_chunk >= chunk_bytes:
            yield chunk
            chunk, bytes_in_chunk = [], 0
    if chunk:
        yield chunk


def _open(path: str, file: IO[bytes]) -> Iterator[Any]:
    try:
        records = fastavro.reader(file)
    except OSError:
        raise
    except Exception as error:  # whatever its decoder stumbles over
        raise AvroFileError(f"{path} is not an Avro file: {in_one_line(error)}") from error
    fault = _schema_fault(records.writer_schema)
    if fault:
        raise AvroFileError(f"{path} holds no Pub/Sub messages: {fault}")
    return records


def _next_record(path: str, records: Iterator[Any]) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] | None = next(records, None)
    except OSError:
        raise
    except Exception as error:  # a codec that is not installed, a time beyond the year 9999, …
        raise AvroFileError(
            f"{path} is damaged, cut off or cannot be decoded: {in_one_line(error)}"
        ) from error
    return record


def _message(whole: ByteRange, number: int, record: dict[str, Any]) -> RawMessage:
    data = record["data"] or b""
    message_id, published = record.get("message_id"), record.get("publish_time")
    if isinstance(published, datetime):
        published = (published - _EPOCH) // _MICROSECOND
    elif published is not None and not MIN_US <= published <= MAX_US:
        raise AvroFileError(
            f"{whole.path}: the publish_time of record {number} is not in the years 0001 to 9999"
        )
    return RawMessage(
        data if isinstance(data, bytes) else data.encode(),
        record.get("attributes") or {},
        message_id,
        published,
        whole,
        number if message_id is None else None,
    )


def _schema_fault(schema: Any) -> str | None:
    """What keeps records of this schema from being messages, as words that follow a colon."""
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return "its schema is not a record"
    types = {field["name"]: field["type"] for field in schema["fields"]}
    if "data" not in types:
        return "its records have no field data; write them without the topic's schema"
    if set(_kinds(types["data"])) == {"null"}:  # such a record has no bytes: a file could hold any number
        return "the field data is null"
    for name, allowed in _TYPES.items():
        for kind in _kinds(types.get(name, "null")):
            if kind != "null" and kind not in allowed:
                return f"the field {name} is {kind}, not {' or '.join(allowed)}"
    return None


def _kinds(declared: Any) -> list[str]:
    """The names of the types that a declaration lets in, such as `null` and `map of string`."""
    if isinstance(declared, list):
        return [kind for each in declared for kind in _kinds(each)]
    if not isinstance(declared, dict):
        return [str(declared)]
    if declared["type"] == "map":
        return [f"map of {kind}" for kind in _kinds(declared["values"])]
    return [str(declared.get("logicalType") or declared.get("name") or declared["type"])]
