"""What the demo left behind, read from the tables, the lake, the queue and the alert log themselves."""

from __future__ import annotations

import io
import json
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pyarrow.parquet
from google.api_core.exceptions import DeadlineExceeded, RetryError
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.demo_alerts import FOUND_BY, complete_alerts, read_alert_log, read_incidents, tell
from local.report.queries import Between, alert_lives
from local.resources import bigquery_client
from local.sql import answer
from local.stack import Stack
from pipeline.contract import load_contract

STATS_FILE = "pipeline-stats.json"
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
    rows_by_version: dict[str, int]
    """Event type and schema version, such as `user_activity 1` -> rows."""
    orders_in_windows: int
    orders_in_hours: int
    windows: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    """One for each alert, with its whole life; the oldest first."""
    alert_states: int
    """Different states of alerts in the table: each is to be told of once."""
    alerts_delivered: int
    """Lines in the function's alert log."""
    alerts_explained: int
    """Alerts that belong to an incident, or to the end of the run."""
    incidents_told: dict[str, int]
    """Kind of an incident -> 1 if an alert of it opened, was delivered and was resolved, else 0."""
    pipeline: dict[str, Any]
    """The pipeline's own figures: messages, publish to row in ms, counters."""


def collect(stack: Stack, output: Path) -> Figures:
    """Read all figures from the running stack and the files the programs wrote."""
    warehouse = bigquery_client(stack.service("bigquery").address, stack.environment["GOOGLE_CLOUD_PROJECT"])
    contract = load_contract()
    manifest = json.loads((output / "manifest.json").read_text())
    alert_log = read_alert_log(Path(stack.environment["ALERT_LOG"]))
    lives, _ = alert_lives(partial(answer, warehouse), Between())
    alerts = tell(
        lives,
        alert_log,
        read_incidents(output / "labels.jsonl"),
        datetime.fromisoformat(manifest["end"]),
    )
    views = [name for name in contract.views if name.endswith("_deduplicated")]
    lake = _lake_rows(stack)
    stats_path = output / STATS_FILE
    return Figures(
        manifest=manifest,
        ledger={row["event_type"]: row for row in _ask(warehouse, _LEDGER)},
        table_rows={name: _count(warehouse, name) for name in contract.tables},
        deduplicated_rows={name: _count(warehouse, name) for name in views},
        lake_rows=lake[0],
        lake_files=lake[1],
        dlq_messages=_dlq_messages(stack),
        reasons=_ask(warehouse, _REASONS)[:TOP_REASONS],
        rejected_by_reason={row["reason"]: row["letters"] for row in _ask(warehouse, _REASONS)},
        rows_by_version={row["version"]: row["events"] for row in _ask(warehouse, _VERSIONS)},
        orders_in_windows=_orders(warehouse, "order_metrics_latest"),
        orders_in_hours=_orders(warehouse, "hourly_metrics_latest"),
        windows=_ask(warehouse, _WINDOWS)[-LAST_WINDOWS:],
        alerts=[alert.as_dict() for alert in alerts],
        alert_states=_alert_states(warehouse),
        alerts_delivered=len(alert_log),
        alerts_explained=sum(alert.incident is not None for alert in alerts),
        incidents_told={kind: int(complete_alerts(alerts, kind) > 0) for kind in FOUND_BY},
        pipeline=json.loads(stats_path.read_text()),
    )


_VERSIONS = """
    SELECT CONCAT('user_activity ', CAST(schema_version AS STRING)) AS version, COUNT(*) AS events
    FROM user_activity GROUP BY schema_version
"""
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
_ALERT_STATES = "SELECT COUNT(*) AS n FROM (SELECT DISTINCT alert_id, state FROM alerts)"


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
    client = SubscriberClient(
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
    """(states of alerts in the table, lines in the function's log)."""
    warehouse = bigquery_client(stack.service("bigquery").address, stack.environment["GOOGLE_CLOUD_PROJECT"])
    return _alert_states(warehouse), len(read_alert_log(Path(stack.environment["ALERT_LOG"])))


def _alert_states(warehouse: bigquery.Client) -> int:
    return int(_ask(warehouse, _ALERT_STATES)[0]["n"])
