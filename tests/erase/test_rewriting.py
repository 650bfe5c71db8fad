"""A file without a person holds everybody else's rows, as they were."""

from __future__ import annotations

import gzip
import io
from base64 import b64encode

import fastavro
import orjson
import pyarrow.parquet
import pytest
from msgspec.structs import replace

from pipeline.arrow_schema import arrow_schema
from pipeline.erase.person import Person
from pipeline.erase.rewriting import FileUnreadable, Rewritten, without_person
from pipeline.transforms.lake_parts import lake_part, parquet_bytes
from tests.archive.test_avro_files import WITH_METADATA, avro, messages, record
from tests.contract.messages import CONTRACT
from tests.transforms.builders import event

PERSON = Person({"customer_id": "C1", "user_id": "U1"}, CONTRACT)


def rewritten(path: str, data: bytes) -> Rewritten:
    found = without_person(path, data, PERSON)
    assert found is not None
    assert without_person(path, found.data, PERSON) is None
    assert without_person(path, data, PERSON) == found  # the same bytes each time
    return found


def order(customer_id: str) -> bytes:
    return orjson.dumps({"event_type": "order", "customer_id": customer_id})


@pytest.mark.parametrize(("event_type", "column"), [("order", "customer_id"), ("user_activity", "user_id")])
def test_parquet_loses_the_rows_of_the_person_alone(event_type: str, column: str) -> None:
    ids = ["C2", "C1", "U1", None, "C3"] if event_type == "user_activity" else ["C2", "C1", "U1", "C3"]
    events = [event(f"e{n}", event_type, **{column: id_}) for n, id_ in enumerate(ids)]
    schema = arrow_schema(CONTRACT.table_of(event_type))
    data = parquet_bytes(lake_part(events), schema)
    found = rewritten("a.parquet", data)
    before, after = (pyarrow.parquet.read_table(io.BytesIO(each)) for each in (data, found.data))
    mine = "C1" if event_type == "order" else "U1"
    assert after.schema.equals(before.schema, check_metadata=True)
    assert after.to_pylist() == [row for row in before.to_pylist() if row[column] != mine]
    assert (found.removed, found.kept) == (1, len(ids) - 1)
    codec = pyarrow.parquet.ParquetFile(io.BytesIO(found.data)).metadata.row_group(0).column(0).compression
    assert codec == "ZSTD"


def test_parquet_of_another_table_and_of_others_is_left_alone() -> None:
    for each in (event("e", "inventory"), event("e", customer_id="C2")):
        data = parquet_bytes(lake_part([each]), arrow_schema(CONTRACT.table_of(each.event_type)))
        assert without_person("a.parquet", data, PERSON) is None


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("compress", [True, False])
def test_lines_that_stay_are_the_same_bytes(end: bytes, compress: bool) -> None:
    envelope = {
        "data": b64encode(order("C1")).decode(),
        "attributes": {},
        "message_id": "m",
        "publish_time": None,
    }
    others = [order("C2"), b"", b'  {"odd" :1 } ', b"\xff\xfe", b'{"customer_id":"C1x']
    lines = [others[0], orjson.dumps(envelope), *others[1:], order("C1"), b'{"customer_id":"C1']
    end_of_line = end or b"\n"
    data = end_of_line.join(lines) + end
    found = rewritten("a.jsonl.gz" if compress else "a.jsonl", gzip.compress(data) if compress else data)
    text = gzip.decompress(found.data) if compress else found.data
    assert text.rstrip(b"\r\n") == end_of_line.join(others)
    assert (found.removed, found.kept) == (3, 4)


def test_file_of_the_person_alone_has_nothing_left() -> None:
    assert rewritten("a.jsonl", order("C1") + b"\n").kept == 0


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_avro_records_that_stay_are_the_same(codec: str) -> None:
    all_of_them = messages(5)
    all_of_them[1] = replace(all_of_them[1], payload=order("C1"))
    all_of_them[3] = replace(all_of_them[3], attributes={"user_id": "U1"})
    records = [record(each) for each in all_of_them]
    data = avro(WITH_METADATA, records, codec=codec)
    found = rewritten("a.avro", data)
    before, after = (list(fastavro.reader(io.BytesIO(each))) for each in (data, found.data))
    assert after == [before[0], before[2], before[4]]
    assert fastavro.reader(io.BytesIO(found.data)).codec == codec
    assert (found.removed, found.kept) == (2, 3)


@pytest.mark.parametrize("name", ["a.parquet", "a.avro", "a.jsonl.gz"])
def test_damaged_file_is_named_and_not_taken_for_one_without_the_person(name: str) -> None:
    whole = {
        "a.parquet": parquet_bytes(
            lake_part([event("e", customer_id="C1")]), arrow_schema(CONTRACT.table_of("order"))
        ),
        "a.avro": avro(WITH_METADATA, [record(each) for each in messages(50)]),
        "a.jsonl.gz": gzip.compress(order("C1")),
    }[name]
    for damaged in (whole[: len(whole) // 2], whole[:-3], b"not it", whole[:20] + b"\xff" * 30):
        with pytest.raises(FileUnreadable, match=f"^{name} cannot be read: "):
            without_person(name, damaged, PERSON)


@pytest.mark.parametrize("schema", [b'{"type": "record", "fields": []}', b"[" * 5_000 + b"]" * 5_000])
def test_avro_whose_schema_is_damaged_is_named(schema: bytes) -> None:
    header = b"Obj\x01" + b"\x02" + avro_bytes(b"avro.schema") + avro_bytes(schema) + b"\x00" + b"s" * 16
    with pytest.raises(FileUnreadable, match=r"^a\.avro cannot be read: \S"):
        without_person("a.avro", header, PERSON)


def avro_bytes(text: bytes) -> bytes:
    """Bytes as Avro has them: their length as a zigzag number, then they themselves."""
    sink, number = bytearray(), 2 * len(text)
    while number > 127:
        sink.append(number & 127 | 128)
        number >>= 7
    return bytes([*sink, number]) + text
