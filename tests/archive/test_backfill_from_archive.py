"""Yesterday's messages, from what Pub/Sub delivered to the archive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.resources import bigquery_client
from local.stack import Stack
from tests.archive.shop import read_archive
from tests.archive.test_archived_stack import kept

PARTS = {"pubsub", "storage", "bigquery", "archiver"}
LEDGER = (
    "SELECT SUM(accepted) AS a, SUM(duplicates) AS d, SUM(rejected) AS r FROM data_quality_metrics_latest"
)


def run(stack: Stack, *command: str, timeout_seconds: float = 100.0) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, **stack.environment},
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
    )
    assert done.returncode == 0, done.stderr


def ask(stack: Stack, question: str) -> list[dict[str, Any]]:
    client = bigquery_client(stack.service("bigquery").address, stack.environment["GOOGLE_CLOUD_PROJECT"])
    return [dict(row.items()) for row in client.query(question, job_retry=None).result(job_retry=None)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yesterday")


@pytest.fixture(scope="module")
def published(folder: Path) -> Mapping[str, Any]:
    """The manifest of what a stack got, which has been ended since; nothing had read its events."""
    manifest = folder / "manifest.json"
    with Stack(folder / "state", parts=PARTS) as stack:
        run(
            stack,
            *("generator", "--to=pubsub", "--rate=1000", "--events=4000", f"--manifest={manifest}"),
            *("--malformed_share=0.05", "--duplicate_share=0.03"),
        )
        assert ask(stack, "SELECT COUNT(*) AS n FROM orders") == [{"n": 0}]
    figures: dict[str, Any] = json.loads(manifest.read_text())
    return figures


@pytest.fixture(scope="module")
def stack(folder: Path, published: Mapping[str, Any]) -> Iterator[Stack]:
    """The next day's stack, whose bucket has yesterday's archive."""
    with Stack(folder / "state", parts=PARTS) as running:
        yield running


@pytest.mark.slow
def test_yesterday_is_backfilled_from_the_archive(stack: Stack, published: Mapping[str, Any]) -> None:
    environment = stack.environment
    run(
        stack,
        *("pipeline.main", "--is_backfill", f"--input_path={environment['RAW_ARCHIVE']}/*/*/*.jsonl.gz"),
        f"--output_bucket={environment['OUTPUT_BUCKET']}",
        f"--bq_dataset={environment['BQ_DATASET']}",
    )

    assert ask(stack, LEDGER) == [
        {"a": published["valid"], "d": published["duplicates"], "r": published["malformed"]}
    ]
    for event_type, table in (
        ("order", "orders"),
        ("inventory", "inventory_logs"),
        ("user_activity", "user_activity"),
    ):
        assert ask(stack, f"SELECT COUNT(*) AS n FROM {table}_deduplicated") == [
            {"n": published["by_event_type"][event_type]["valid"]}
        ]
    reasons = "SELECT reason, COUNT(*) AS n FROM dead_letters_deduplicated GROUP BY reason"
    assert {row["reason"]: row["n"] for row in ask(stack, reasons)} == published["malformed_by_reason"]

    # What came out still says which message it was, and when Pub/Sub got it.
    archived = {m.message_id: m for m in read_archive(list(kept(stack.state).values()))}
    rows = ask(stack, "SELECT message_id, UNIX_MICROS(publish_time) AS us FROM dead_letters_deduplicated")
    assert {(row["message_id"], row["us"]) for row in rows} <= {
        (message_id, message.publish_time_us) for message_id, message in archived.items()
    }
    assert len(rows) == published["malformed"]
