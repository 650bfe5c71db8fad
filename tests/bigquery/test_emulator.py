"""The sink against bqemulator: real SQL reads back what was written."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import orjson
import pytest
from google.cloud import bigquery

from local.child import free_ports
from local.services import BigqueryEmulator
from pipeline.bigquery_client import bigquery_client, table_id
from pipeline.bigquery_faults import TableNotWritable
from pipeline.bigquery_insert import insert_rows
from pipeline.bigquery_rows import InsertSettings, Row
from pipeline.bigquery_sink import WriteEvents
from pipeline.contract import load_contract
from pipeline.elements import Event, RawMessage
from pipeline.projections import bigquery_fields

DATASET = "local-shop:ecommerce_events"
SETTINGS = InsertSettings(max_retry_seconds=5)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("bigquery")
    server = BigqueryEmulator(free_ports(1)[0], folder, folder / "data", "local-shop")
    server.start()
    try:
        server.wait_until_it_answers(60, lambda: False)
        yield server.environment()["BIGQUERY_EMULATOR_HOST"]
    finally:
        server.ask_to_end()
        server.wait_until_ended(10)


@pytest.fixture
def client(emulator: str, monkeypatch: pytest.MonkeyPatch) -> bigquery.Client:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", emulator)
    client = bigquery_client("local-shop")
    client.create_dataset("local-shop.ecommerce_events", exists_ok=True)
    for table in load_contract().tables.values():
        schema = [bigquery.SchemaField.from_api_repr(field) for field in bigquery_fields(table)]
        name = table_id(DATASET, table.name)
        client.delete_table(name, not_found_ok=True)
        client.create_table(bigquery.Table(name, schema=schema))
    return client


def order(event_id: str, city: str = "Köln") -> Event:
    row = {
        "order_id": "o-1",
        "customer_id": "c-1",
        "order_date": "2026-03-01T12:00:00.123456Z",
        "status": "pending",
        "total_amount": 39.98,
        "items": [
            {
                "product_id": "p-1",
                "product_name": None,
                "category": "kitchen",
                "quantity": 2,
                "unit_price": 19.99,
            }
        ],
        "shipping_address": {
            "street": None,
            "city": city,
            "state": None,
            "postal_code": None,
            "country": "DE",
        },
    }
    return Event("order", event_id, 1, orjson.dumps(row), 0, 0, 0, False, RawMessage(b"", {}, None, None))


def clock() -> int:
    return 0


def test_events_are_rows_with_records_and_microseconds(client: bigquery.Client) -> None:
    pipeline = beam.Pipeline(runner="BundleBasedDirectRunner")
    _ = (
        pipeline
        | beam.Create([[order("e-1"), order("e-2", "Saint-Étienne ☕")]], reshuffle=False)
        | WriteEvents(DATASET, {"order": "orders"}, SETTINGS, clock)
    )
    pipeline.run().wait_until_finish()
    rows = client.query_and_wait(
        "SELECT event_id, shipping_address.city, items[OFFSET(0)].unit_price, "
        "UNIX_MICROS(order_date) FROM `local-shop.ecommerce_events.orders` ORDER BY event_id"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("e-1", "Köln", 19.99, 1_772_366_400_123_456),
        ("e-2", "Saint-Étienne ☕", 19.99, 1_772_366_400_123_456),
    ]


def test_payload_bytes_come_back_as_they_were(client: bigquery.Client) -> None:
    payload = bytes(range(256))
    row = {
        "dead_letter_id": "d-1",
        "stage": "parse",
        "reason": "not_utf8",
        "error_count": 0,
        "errors": [],
        "failed_at": "2026-03-01T12:00:00.000000Z",
        "pipeline_version": "0",
        "replay_count": 0,
        "fingerprint": "f",
        "attributes": [{"key": "event_type", "value": "order"}],
        "payload": base64.b64encode(payload).decode(),
        "payload_bytes": len(payload),
    }
    table = table_id(DATASET, "dead_letters")
    assert insert_rows(client, table, [Row("d-1", orjson.dumps(row))], SETTINGS).errors == []
    rows = client.query_and_wait(f"SELECT payload, attributes[OFFSET(0)].value FROM `{table}`")
    assert [tuple(row.values()) for row in rows] == [(payload, "order")]


def test_row_of_the_wrong_type_is_refused_and_its_neighbour_is_written(client: bigquery.Client) -> None:
    bad = orjson.dumps({**orjson.loads(order("bad").row), "total_amount": "much"})
    rows = [Row("e-1", order("e-1").row), Row("bad", bad)]
    table = table_id(DATASET, "orders")
    report = insert_rows(client, table, rows, SETTINGS)
    assert [(error.position, error.reason) for error in report.errors] == [(1, "invalid")]
    written = client.query_and_wait(f"SELECT event_id FROM `{table}`")
    assert [row["event_id"] for row in written] == ["e-1"]


def test_missing_table_raises_at_once(client: bigquery.Client) -> None:
    with pytest.raises(TableNotWritable, match=r"write to local-shop\.ecommerce_events\.nothing \(notFound"):
        insert_rows(client, table_id(DATASET, "nothing"), [Row("r", b"{}")], SETTINGS)
