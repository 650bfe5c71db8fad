"""One stack, started by the command, asked by the clients that programs use."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from local.errors import QueryError
from local.resources import bigquery_client
from local.sql import ask
from local.state import StateFolder
from pipeline.contract import load_contract
from pipeline.projections import bigquery_fields

CONTRACT = load_contract()
PROJECT = "local-shop"


@pytest.fixture(scope="module")
def up(start_up: Callable[..., Any]) -> Any:
    up = start_up()
    up.variables()
    return up


@pytest.fixture(scope="module")
def variables(up: Any) -> dict[str, str]:
    return up.variables()


@pytest.fixture(scope="module")
def warehouse(variables: dict[str, str]) -> bigquery.Client:
    return bigquery_client(variables["BIGQUERY_EMULATOR_HOST"], PROJECT)


@pytest.fixture
def pubsub(variables: dict[str, str]) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(variables["PUBSUB_EMULATOR_HOST"]) as channel:
        yield channel


def test_environment_file_names_every_resource(variables: dict[str, str], up: Any) -> None:
    addresses = {key: variables.pop(key) for key in list(variables) if key.endswith(("_HOST", "_URL"))}
    assert variables == {
        "GOOGLE_CLOUD_PROJECT": "local-shop",
        "INPUT_TOPIC": "projects/local-shop/topics/events",
        "INPUT_SUBSCRIPTION": "projects/local-shop/subscriptions/events-sub",
        "DLQ_TOPIC": "projects/local-shop/topics/events-dlq",
        "DLQ_SUBSCRIPTION": "projects/local-shop/subscriptions/events-dlq-sub",
        "ALERTS_TOPIC": "projects/local-shop/topics/order-alerts",
        "OUTPUT_BUCKET": "gs://shop-events-output",
        "BQ_DATASET": "local-shop:ecommerce_events",
        "ARCHIVE_SUBSCRIPTION": "projects/local-shop/subscriptions/events-archive",
        "RAW_ARCHIVE": "gs://shop-events-output/raw",
        "ALERT_LOG": str(up.state / "alerts" / "alerts.jsonl"),
    }
    variables.update(addresses)
    assert set(addresses) == {
        "PUBSUB_EMULATOR_HOST",
        "BIGQUERY_EMULATOR_HOST",
        "STORAGE_EMULATOR_HOST",
        "FUNCTION_URL",
    }


def test_every_topic_has_its_subscription(pubsub: grpc.Channel, variables: dict[str, str]) -> None:
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=pubsub))
    listed = subscriber.list_subscriptions(project=f"projects/{PROJECT}", timeout=5)
    found = {s.name.split("/")[-1]: (s.topic.split("/")[-1], s.push_config.push_endpoint) for s in listed}
    assert found == {
        "events-sub": ("events", ""),
        "events-archive": ("events", ""),
        "events-dlq-sub": ("events-dlq", ""),
        "order-alerts-push": ("order-alerts", variables["FUNCTION_URL"]),
    }


def test_tables_have_the_contracts_columns(warehouse: bigquery.Client) -> None:
    found = {
        name: [field.to_api_repr() for field in warehouse.get_table(f"ecommerce_events.{name}").schema]
        for name in CONTRACT.tables
    }
    assert found == {name: bigquery_fields(table) for name, table in CONTRACT.tables.items()}


def test_tables_are_partitioned_and_clustered_as_declared(warehouse: bigquery.Client) -> None:
    for name, table in CONTRACT.tables.items():
        found = warehouse.get_table(f"ecommerce_events.{name}")
        assert table.partition is not None
        assert (found.time_partitioning.type_, found.time_partitioning.field) == (
            table.partition.type,
            table.partition.field,
        )
        assert tuple(found.clustering_fields) == table.clustering


@pytest.mark.parametrize("view", sorted(CONTRACT.views))
def test_view_runs_on_the_emulator(warehouse: bigquery.Client, view: str) -> None:
    rows = warehouse.query(f"SELECT * FROM {view}", job_retry=None).result(timeout=10)
    assert rows.schema[0].name in {column.name for t in CONTRACT.tables.values() for column in t.columns}


def test_a_row_inserted_twice_counts_once_in_the_deduplicated_view(warehouse: bigquery.Client) -> None:
    row = {
        "inventory_id": "i1",
        "product_id": "p1",
        "warehouse_id": "w1",
        "quantity_change": -2,
        "reason": "sale",
        "timestamp": "2026-01-01T10:00:00.000001Z",
        "event_id": "e1",
        "schema_version": 1,
        "is_late": False,
        "publish_time": "2026-01-01T10:00:01Z",
        "processed_at": "2026-01-01T10:00:02Z",
    }
    for _ in range(2):
        assert warehouse.insert_rows_json("ecommerce_events.inventory_logs", [row]) == []
    counts = [
        next(iter(warehouse.query(f"SELECT COUNT(*), MAX(UNIX_MICROS(timestamp)) FROM {name}").result()))
        for name in ("inventory_logs", "inventory_logs_deduplicated")
    ]
    assert [tuple(count) for count in counts] == [(2, 1767261600000001), (1, 1767261600000001)]


def test_objects_can_be_written_renamed_read_and_deleted(variables: dict[str, str]) -> None:
    client = storage.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": variables["STORAGE_EMULATOR_HOST"]},
    )
    bucket = client.bucket("shop-events-output")
    bucket.blob("tmp/part").upload_from_string(b"\x00rows")
    bucket.rename_blob(bucket.blob("tmp/part"), "processed/event_type=order/part")
    assert [blob.name for blob in client.list_blobs(bucket)] == ["processed/event_type=order/part"]
    assert bucket.blob("processed/event_type=order/part").download_as_bytes() == b"\x00rows"
    bucket.blob("processed/event_type=order/part").delete()
    assert list(client.list_blobs(bucket)) == []


def test_sql_answers_while_the_stack_is_up(
    up: Any, local_command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = local_command("sql", "SELECT 40 + 2 AS answer", "--state", str(up.state), "--format", "csv")
    assert (done.stdout, done.stderr, done.returncode) == ("answer\n42\n", "", 0)


def test_second_stack_on_the_same_state_is_refused_and_harms_nothing(
    up: Any, start_up: Callable[..., Any]
) -> None:
    second = start_up("--fresh", state=up.state, env_file=up.env_file)
    code, output, errors = second.wait()
    assert (code, output) == (1, "")
    assert errors == (
        f"A stack already works on {up.state} (process {up.process.pid}): "
        "end it first, or use another --state.\n"
    )
    assert up.process.poll() is None
    assert (
        up.variables()["BIGQUERY_EMULATOR_HOST"] == StateFolder(up.state).recorded()["BIGQUERY_EMULATOR_HOST"]
    )


def test_published_alert_reaches_the_file_channel(pubsub: grpc.Channel, variables: dict[str, str]) -> None:
    alert = {
        "alert_id": "a-1",
        "kind": "spike",
        "state": "open",
        "severity": "critical",
        "metric": "order_count",
        "dimension": "all",
        "dimension_value": "all",
        "window_start": "2026-01-01T10:00:00.000000Z",
        "window_end": "2026-01-01T10:05:00.000000Z",
        "value": 900.0,
        "expected_low": 100.0,
        "expected_high": 300.0,
        "score": 12.5,
        "summary": "order_count was 900, expected 100 to 300.",
        "run_id": "r1",
        "emitted_at": "2026-01-01T10:05:01.000000Z",
    }
    publisher = PublisherClient(transport=PublisherGrpcTransport(channel=pubsub))
    message = PubsubMessage(
        data=json.dumps(alert).encode(),
        attributes={key: str(alert[key]) for key in ("alert_id", "kind", "severity", "state")},
    )
    publisher.publish(topic=variables["ALERTS_TOPIC"], messages=[message], timeout=5)
    log = Path(variables["ALERT_LOG"])
    deadline = time.monotonic() + 15
    while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    delivered = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(delivered) == 1
    assert "order_count was 900, expected 100 to 300." in json.dumps(delivered[0])


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("SELEC 1", 'Syntax error: Unexpected identifier "SELEC" at [1:7].'),
        ("SELECT a FROM orders", 'Referenced column "a" not found in FROM clause!'),
        (
            "SELECT * FROM nope",
            "Not found: Table local-shop.ecommerce_events.nope was not found in location US.",
        ),
        ("  ", "The question is empty: give one SQL statement."),
    ],
)
def test_wrong_question_is_answered_with_one_sentence(up: Any, question: str, sentence: str) -> None:
    with pytest.raises(QueryError) as raised:
        ask(question, up.state)
    assert str(raised.value) == sentence
