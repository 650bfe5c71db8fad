"""What a lake file holds: every accepted event, column by column, in its partition."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.arrow_schema import arrow_schema
from pipeline.contract import Column
from pipeline.elements import Event
from pipeline.transforms.lake import LakeSettings, hash_shard, partition
from pipeline.transforms.lake_parts import lake_part, parquet_bytes
from tests.contract.messages import CONTRACT, GOOD, PARSER, PROCESSED_US, good, message
from tests.contract.strategies import spelled, valid
from tests.transforms.builders import event

MAX_DOUBLE = 1.7976931348623157e308


def read(data: bytes) -> pa.Table:
    return pyarrow.parquet.read_table(io.BytesIO(data))


def expected(columns: Iterable[Column], row: dict[str, Any]) -> dict[str, Any]:
    """The row with every column of the contract, as Arrow gives it back."""
    return {column.name: _value(column, row.get(column.name)) for column in columns}


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_value(column, each) for each in value]
    if column.type == "RECORD":
        return expected(column.fields, value)
    return float(value) if column.type == "FLOAT" else value


def plain(value: Any) -> Any:
    """What Arrow gives back, with times as text."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return value


def assert_equal_after_reading(event_type: str, events: list[Event]) -> None:
    table = CONTRACT.table_of(event_type)
    schema = arrow_schema(table)
    found = read(parquet_bytes(lake_part(events), schema))
    assert found.schema.remove_metadata() == schema
    assert plain(found.to_pylist()) == [expected(table.columns, orjson.loads(each.row)) for each in events]


def accepted(event_type: str, payload: bytes) -> Event:
    raw = message(payload, {"event_type": event_type, "event_id": "e1"}, published_us=None)
    return PARSER.parse(raw, PROCESSED_US)


EXTREMES = {"quantity_change": -(2**63), "product_id": "\x00\u2028\U0001f600"}
METADATA = {"quantity": 2**63 - 1, "price": -0.0}


@settings(max_examples=150)
@given(valid(CONTRACT), spelled)
@example(("order", good(total_amount=MAX_DOUBLE, order_date="0001-01-01T00:00:00Z")), orjson.dumps)
@example(("order", good(total_amount=5e-324, order_date="9999-12-31T23:59:59.999999Z")), orjson.dumps)
@example(("order", good(total_amount=2**63 - 1, shipping_address=None)), orjson.dumps)
@example(
    ("inventory", good("inventory", **EXTREMES)),
    orjson.dumps,
)
@example(("user_activity", good("user_activity", metadata=METADATA)), orjson.dumps)
def test_every_accepted_event_can_be_written_and_is_equal_after_reading(
    made: tuple[str, dict[str, Any]], spell: Callable[[Any], bytes]
) -> None:
    event_type, sent = made
    assert_equal_after_reading(event_type, [accepted(event_type, spell(sent))])


@pytest.mark.parametrize("order", [1, -1])
def test_rows_with_and_without_a_record_stand_in_one_file(order: int) -> None:
    records: list[dict[str, Any] | None] = [None, {}, {"price": 1}, {"price": 1.5, "quantity": None}]
    events = [good("user_activity", metadata=record) for record in records[::order]]
    assert_equal_after_reading(
        "user_activity", [accepted("user_activity", orjson.dumps(each)) for each in events]
    )


def test_rows_of_more_than_a_block_of_the_reader_stand_in_one_file() -> None:
    large = {**GOOD["order"]["items"][0], "product_name": "x" * 9_000_000}
    events = [accepted("order", orjson.dumps(good(items=[large])))] * 8
    assert read(parquet_bytes(lake_part(events), arrow_schema(CONTRACT.table_of("order")))).num_rows == 8


def test_values_that_stand_once_in_a_file_are_not_also_put_into_a_dictionary() -> None:
    data = parquet_bytes(lake_part([event(), event("e2")]), arrow_schema(CONTRACT.table_of("order")))
    group = pyarrow.parquet.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    alone = {each.path_in_schema for each in columns if "RLE_DICTIONARY" not in each.encodings}
    assert alone - {"is_late"} == {"event_id", "order_date", "publish_time"}


def test_a_row_that_is_no_accepted_event_is_refused() -> None:
    schema = arrow_schema(CONTRACT.table_of("order"))
    columns = orjson.loads(event().columns)
    with pytest.raises(pa.ArrowInvalid):
        parquet_bytes(lake_part([replace(event(), columns=orjson.dumps(columns | {"unknown": 1}))]), schema)
    with pytest.raises((pa.ArrowInvalid, ValueError)):
        parquet_bytes(lake_part([replace(event(), columns=b'{"order_id":"O1"}')]), schema)


def keys(*events: Event) -> list[str]:
    return [place.key for place in partition(events, LakeSettings("", 60))]


@pytest.mark.parametrize(
    ("seconds", "path"),
    [
        (0, "event_type=order/date=2024-05-01/hour=12"),
        (3_599, "event_type=order/date=2024-05-01/hour=12"),
        (3_600, "event_type=order/date=2024-05-01/hour=13"),
    ],
)
def test_partition_is_the_hour_of_the_event_time(seconds: int, path: str) -> None:
    assert keys(event(seconds=seconds, published=90_000)) == [f"{path}#0"]


def test_partitions_of_the_first_and_the_last_year_have_four_digits() -> None:
    for text in ("0001-01-01T00", "9999-12-31T23"):
        raw = message(good(order_date=f"{text}:00:00Z"), published_us=None)
        path = f"event_type=order/date={text[:10]}/hour={text[11:]}"
        assert keys(PARSER.parse(raw, PROCESSED_US)) == [f"{path}#0"]


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.integers(1, 1_000))
def test_an_event_is_in_the_same_shard_each_time(event_id: str, shards: int) -> None:
    assert 0 <= hash_shard(event_id, shards) < shards
    assert hash_shard(event_id, shards) == hash_shard(event_id, shards)


def test_shards_are_about_even() -> None:
    sizes = [0] * 4
    for number in range(4_000):
        sizes[hash_shard(f"e{number}", 4)] += 1
    assert min(sizes) > 900
