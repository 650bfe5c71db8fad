"""Avro files of a Pub/Sub to Cloud Storage subscription."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.avro_files import AvroFileError, check_avro, read_avro
from pipeline.elements import ByteRange, RawMessage
from pipeline.errors import UsageError
from pipeline.rfc3339 import MAX_US, MIN_US

PATH = "gs://lake/raw/a.avro"
WHOLE = ByteRange(PATH, 0, 1_000)
WITH_METADATA = {
    "type": "record",
    "namespace": "com.google.pubsub",
    "name": "PubsubMessageWithMetadata",
    "fields": [
        {"name": "subscription_name", "type": "string"},
        {"name": "message_id", "type": "string"},
        {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "attributes", "type": {"type": "map", "values": "string"}},
        {"name": "data", "type": "bytes"},
    ],
}
"""As Google documents it."""
SUBSCRIPTION = "projects/shop/subscriptions/events-archive"


def record(message: RawMessage) -> dict[str, Any]:
    return {
        "subscription_name": SUBSCRIPTION,
        "message_id": message.message_id,
        "publish_time": message.publish_time_us,
        "attributes": message.attributes,
        "data": message.payload,
    }


def avro(schema: Any, records: Iterable[dict[str, Any]], **settings: Any) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, fastavro.parse_schema(schema), records, **settings)
    return file.getvalue()


def read(data: bytes, chunk_bytes: int = 1_000_000) -> list[list[RawMessage]]:
    check_avro(PATH, io.BytesIO(data))
    return list(read_avro(WHOLE, io.BytesIO(data), chunk_bytes))


def messages(count: int) -> list[RawMessage]:
    return [
        RawMessage(b'{"n":%d}' % n, {"event_type": "order"}, str(n), 1_700_000_000_000_000 + n, WHOLE)
        for n in range(count)
    ]


message = st.builds(
    RawMessage,
    st.binary(max_size=40),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4),
    st.text(max_size=20),
    st.integers(MIN_US, MAX_US),
    st.just(WHOLE),
)


@settings(max_examples=200, deadline=None)
@given(
    archived=st.lists(message, max_size=30),
    codec=st.sampled_from(["null", "deflate"]),
    sync_interval=st.integers(1, 400),
    chunk_bytes=st.integers(1, 2_000),
)
def test_every_message_is_read_back_whatever_it_holds(
    archived: list[RawMessage], codec: str, sync_interval: int, chunk_bytes: int
) -> None:
    data = avro(WITH_METADATA, map(record, archived), codec=codec, sync_interval=sync_interval)
    chunks = read(data, chunk_bytes)
    assert [one for chunk in chunks for one in chunk] == archived
    assert all(chunks)


def test_chunks_have_about_the_size_asked_for() -> None:
    archived = [replace(one, payload=b"x" * 900) for one in messages(100)]
    chunks = read(avro(WITH_METADATA, map(record, archived)), 10_000)
    assert [len(chunk) for chunk in chunks] == [10] * 10


def test_a_chunk_of_empty_payloads_ends_too() -> None:
    archived = [replace(one, payload=b"") for one in messages(1_000)]
    chunks = read(avro(WITH_METADATA, map(record, archived)), 10_000)
    assert [len(chunk) for chunk in chunks] == [100] * 10


def test_a_file_without_metadata_gives_payloads_and_ids_that_name_the_record() -> None:
    schema = {"type": "record", "name": "PubsubMessage", "fields": [{"name": "data", "type": "bytes"}]}
    (both,) = read(avro(schema, [{"data": b"a"}, {"data": b"a"}]))
    assert both == [RawMessage(b"a", {}, None, None, WHOLE, number) for number in (0, 1)]
    assert [each.message_id for each in both] == [f"{PATH}:0", f"{PATH}:1"]


def test_nullable_fields_and_a_plain_long_are_taken() -> None:
    schema = {
        "type": "record",
        "name": "Archived",
        "fields": [
            {"name": "message_id", "type": ["null", "string"]},
            {"name": "publish_time", "type": ["null", "long"]},
            {"name": "attributes", "type": ["null", {"type": "map", "values": "string"}]},
            {"name": "data", "type": ["null", "bytes", "string"]},
            {"name": "more", "type": "int"},
        ],
    }
    nothing = {"message_id": None, "publish_time": None, "attributes": None, "data": None, "more": 1}
    full = {"message_id": "7", "publish_time": 123, "attributes": {"a": "b"}, "data": "é", "more": 1}
    assert read(avro(schema, [nothing, full])) == [
        [
            RawMessage(b"", {}, None, None, WHOLE, 0),
            RawMessage("é".encode(), {"a": "b"}, "7", 123, WHOLE),
        ]
    ]


@pytest.mark.parametrize("published_us", [MIN_US - 1, MAX_US + 1, 2**62])
def test_a_publish_time_that_no_timestamp_holds_is_an_error(published_us: int) -> None:
    fields = [{"name": "publish_time", "type": "long"}, {"name": "data", "type": "bytes"}]
    schema = {"type": "record", "name": "Archived", "fields": fields}
    records = [{"publish_time": us, "data": b"{}"} for us in (MIN_US, MAX_US, published_us)]
    assert len(read(avro(schema, records[:2]))[0]) == 2
    with pytest.raises(AvroFileError, match="the publish_time of record 2 is not in the years 0001 to 9999"):
        list(read_avro(WHOLE, io.BytesIO(avro(schema, records)), 1_000_000))


def test_a_file_without_records_is_nothing() -> None:
    assert read(avro(WITH_METADATA, [])) == []


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_wherever_a_file_is_cut_off_it_is_refused_before_it_is_read(codec: str) -> None:
    data = avro(WITH_METADATA, map(record, messages(60)), codec=codec, sync_interval=500)
    sync = data[-16:]
    for end in range(len(data)):
        # Cut between two blocks, what is left is a whole file: nothing in it says that there was more.
        if data[:end].endswith(sync):
            continue
        with pytest.raises(UsageError, match=r"^--input_path: gs://lake/raw/a\.avro is (not an|cut off)"):
            check_avro(PATH, io.BytesIO(data[:end]))


def test_a_file_cut_off_while_it_is_read_ends_with_an_error_after_its_whole_blocks() -> None:
    archived = messages(60)
    data = avro(WITH_METADATA, map(record, archived), sync_interval=500)
    chunks = read_avro(WHOLE, io.BytesIO(data[:-20]), 1)
    assert [next(chunks) for _ in range(50)] == [[one] for one in archived[:50]]
    with pytest.raises(AvroFileError, match="is damaged, cut off or cannot be decoded"):
        list(chunks)


def test_a_damaged_block_is_an_error() -> None:
    data = bytearray(avro(WITH_METADATA, map(record, messages(60)), sync_interval=500))
    end_of_first_block = data.index(data[-16:], data.index(data[-16:]) + 16)
    data[end_of_first_block] ^= 0xFF
    with pytest.raises(AvroFileError, match="is damaged"):
        list(read_avro(WHOLE, io.BytesIO(data), 1_000_000))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"data": None},
            "its records have no field data; write them without the topic's schema",
        ),
        ({"data": {"name": "data", "type": "null"}}, "the field data is null"),
        ({"data": {"name": "data", "type": "int"}}, "the field data is int, not bytes or string"),
        (
            {"attributes": {"name": "attributes", "type": "string"}},
            "the field attributes is string, not map of string",
        ),
        (
            {"attributes": {"name": "attributes", "type": {"type": "map", "values": ["null", "string"]}}},
            "the field attributes is map of null, not map of string",
        ),
        (
            {
                "publish_time": {
                    "name": "publish_time",
                    "type": {"type": "long", "logicalType": "time-micros"},
                }
            },
            "the field publish_time is time-micros, not long or timestamp-micros or timestamp-millis",
        ),
    ],
)
def test_another_schema_is_refused_with_what_is_wrong(change: dict[str, Any], fault: str) -> None:
    fields = {field["name"]: field for field in WITH_METADATA["fields"]} | change
    schema = {"type": "record", "name": "Other", "fields": [each for each in fields.values() if each]}
    with pytest.raises(UsageError) as raised:
        read(avro(schema, []))
    assert str(raised.value) == f"--input_path: {PATH} holds no Pub/Sub messages: {fault}."


def test_records_that_are_no_records_are_refused() -> None:
    with pytest.raises(UsageError, match="its schema is not a record"):
        read(avro("string", ["a"]))  # type: ignore[list-item]


@pytest.mark.parametrize("data", [b"", b"Obj", b'{"event_type": "order"}\n', b"Obj\x01" + b"\x00" * 40])
def test_a_file_that_is_not_avro_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"a\.avro (is not an Avro file|holds no|is cut off)"):
        check_avro(PATH, io.BytesIO(data))


def test_a_codec_that_is_not_there_is_named_before_anything_is_read() -> None:
    data = avro(WITH_METADATA, map(record, messages(3))).replace(b"avro.codec\x08null", b"avro.codec\x08xxxx")
    assert b"xxxx" in data
    with pytest.raises(UsageError, match="xxxx"):
        check_avro(PATH, io.BytesIO(data))


def test_a_file_that_cannot_be_read_is_not_called_broken() -> None:
    class Gone(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        list(read_avro(WHOLE, Gone(), 1_000))
