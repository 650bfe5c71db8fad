"""What the demo left behind, read from the tables, the lake, the queue and the alert log themselves."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pyarrow.parquet
from google.api_core.exceptions import DeadlineExceeded, RetryError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, pubsub_v1, storage
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.resources import bigquery_client
from local.stack import Stack
from pipeline.contract import load_contract

LAST_WINDOWS = 6
TOP_REASONS = 8
PULL_TIMEOUT_SECONDS = 2.0


class Figures(NamedTuple):
    """Everything the demo reports."""

    manifest: dict[str, Any]
    """What the generator says it published."""
    ledger: dict[str, dict[str, int]]
    """event type -> received, accepted, duplicates, rejected, late."""
    table_rows: dict[str, int]
    deduplicated_rows: dict[str, int]
    lake_rows: dict[str, int]
    """event type -> rows in the Parquet files."""
    lake_files: int
    dlq_messages: int
    reasons: list[dict[str, Any]]
    """reason, letters, and an example, the most frequent first."""
    rejected_by_reason: dict[str, int]
    orders_in_windows: int
    orders_in_hours: int
    windows: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    alerts_delivered: int
    """Lines in the function's alert log."""
    pipeline: dict[str, Any]
    """The pipeline's own figures: messages, publish to row in ms, counters."""


def collect(stack: Stack, output: Path) -> Figures:
    """Read all figures from the running stack and the files the programs wrote."""
    warehouse = bigquery_client(stack.service("bigquery").address, stack.environment["GOOGLE_CLOUD_PROJECT"])
    contract = load_contract()
    views = [name for name in contract.views if name.endswith("_deduplicated")]
    lake = _lake_rows(stack)
    stats_path = output / "pipeline-stats.json"
    return Figures(
        manifest=json.loads((output / "manifest.json").read_text()),
        ledger={row["event_type"]: row for row in _ask(warehouse, _LEDGER)},
        table_rows={name: _count(warehouse, name) for name in contract.tables},
        deduplicated_rows={name: _count(warehouse, name) for name in views},
        lake_rows=lake[0],
        lake_files=lake[1],
        dlq_messages=_dlq_messages(stack),
        reasons=_ask(warehouse, _REASONS)[:TOP_REASONS],
        rejected_by_reason={row["reason"]: row["letters"] for row in _ask(warehouse, _REASONS)},
        orders_in_windows=_orders(warehouse, "order_metrics_latest"),
        orders_in_hours=_orders(warehouse, "hourly_metrics_latest"),
        windows=_ask(warehouse, _WINDOWS)[-LAST_WINDOWS:],
        alerts=_ask(warehouse, _ALERTS),
        alerts_delivered=_lines(Path(stack.environment["ALERT_LOG"])),
        pipeline=json.loads(stats_path.read_text()),
    )


_LEDGER = """
    SELECT event_type, SUM(received) AS received, SUM(accepted) AS accepted, SUM(duplicates) AS duplicates,
           SUM(rejected) AS rejected, SUM(late) AS late
    FROM data_quality_metrics_latest GROUP BY event_type ORDER BY event_type
"""
_REASONS = """
    SELECT reason, COUNT(*) AS letters, ANY_VALUE(errors[SAFE_OFFSET(0)].path) AS path,
           ANY_VALUE(errors[SAFE_OFFSET(0)].message) AS example
    FROM dead_letters_deduplicated GROUP BY reason ORDER BY letters DESC, reason
"""
_WINDOWS = """
    SELECT window_start, order_count, revenue, average_order_value, unique_customers, late_count
    FROM order_metrics_latest WHERE dimension = 'all'
      AND window_start >= (
        SELECT TIMESTAMP_SUB(MAX(window_start), INTERVAL 1 MINUTE) FROM order_metrics_latest)
    ORDER BY window_start
"""
_ALERTS = """
    SELECT window_start, kind, severity, metric, value, score, summary
    FROM alerts_deduplicated ORDER BY window_start, kind, metric
"""


def _ask(warehouse: bigquery.Client, question: str) -> list[dict[str, Any]]:
    return [dict(row.items()) for row in warehouse.query(question, job_retry=None).result(job_retry=None)]


def _count(warehouse: bigquery.Client, table: str) -> int:
    return int(_ask(warehouse, f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])


def _orders(warehouse: bigquery.Client, view: str) -> int:
    (row,) = _ask(warehouse, f"SELECT SUM(order_count) AS n FROM {view} WHERE dimension = 'all'")
    return int(row["n"] or 0)


def _lake_rows(stack: Stack) -> tuple[dict[str, int], int]:
    """(rows by event type, number of files), read from the files' own footers."""
    client = storage.Client(
        project="local",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": stack.environment["STORAGE_EMULATOR_HOST"]},
    )
    bucket = stack.environment["OUTPUT_BUCKET"].removeprefix("gs://")
    rows: dict[str, int] = {}
    files = 0
    for blob in client.list_blobs(bucket, prefix="processed/"):
        event_type = blob.name.split("/")[1].removeprefix("event_type=")
        footer = pyarrow.parquet.read_metadata(io.BytesIO(blob.download_as_bytes()))
        rows[event_type] = rows.get(event_type, 0) + footer.num_rows
        files += 1
    return rows, files


def _dlq_messages(stack: Stack) -> int:
    """How many different messages wait on the DLQ subscription; they go back there."""
    subscription = stack.environment["DLQ_SUBSCRIPTION"]
    client = pubsub_v1.SubscriberClient(
        transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(stack.service("pubsub").address))
    )
    ids: set[str] = set()
    ack_ids: list[str] = []
    while True:
        try:
            pulled = client.pull(
                subscription=subscription, max_messages=1_000, timeout=PULL_TIMEOUT_SECONDS, retry=None
            )
        except (DeadlineExceeded, RetryError):
            break
        if not pulled.received_messages:
            break
        ids.update(received.message.message_id for received in pulled.received_messages)
        ack_ids.extend(received.ack_id for received in pulled.received_messages)
    for start in range(0, len(ack_ids), 1_000):
        client.modify_ack_deadline(
            subscription=subscription, ack_ids=ack_ids[start : start + 1_000], ack_deadline_seconds=0
        )
    return len(ids)


def alerts_recorded_and_delivered(stack: Stack) -> tuple[int, int]:
    """(alerts in the table, lines in the function's log)."""
    warehouse = bigquery_client(stack.service("bigquery").address, stack.environment["GOOGLE_CLOUD_PROJECT"])
    return _count(warehouse, "alerts_deduplicated"), _lines(Path(stack.environment["ALERT_LOG"]))


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0
