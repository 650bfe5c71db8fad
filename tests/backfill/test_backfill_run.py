"""A backfill through the whole graph, against the emulators."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.resources import bigquery_client
from local.stack import Stack

SUMS = "SELECT SUM(accepted) AS a, SUM(duplicates) AS d, SUM(rejected) AS r FROM data_quality_metrics_latest"
VIEWS = (
    "orders_deduplicated",
    "inventory_logs_deduplicated",
    "user_activity_deduplicated",
    "dead_letters_deduplicated",
    "order_metrics_latest",
    "hourly_metrics_latest",
    "data_quality_metrics_latest",
)
CHANGES = ("emitted_at", "processed_at", "failed_at", "latency_ms_p99")
"""What a second run over the same files may say differently."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("backfill") / "state") as running:
        yield running


def backfill(stack: Stack, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "pipeline.main", "--is_backfill"),
        f"--output_bucket={stack.environment['OUTPUT_BUCKET']}",
        f"--bq_dataset={stack.environment['BQ_DATASET']}",
        *flags,
    ]
    return subprocess.run(
        command, env={**os.environ, **stack.environment}, capture_output=True, text=True, timeout=100
    )


def ask(stack: Stack, question: str) -> list[dict[str, Any]]:
    client = bigquery_client(stack.service("bigquery").address, stack.environment["GOOGLE_CLOUD_PROJECT"])
    return [dict(row.items()) for row in client.query(question, job_retry=None).result(job_retry=None)]


def view_rows(stack: Stack, view: str) -> list[str]:
    rows = ask(stack, f"SELECT * FROM {view}")
    return sorted(repr({name: value for name, value in row.items() if name not in CHANGES}) for row in rows)


@pytest.mark.slow
def test_a_backfill_counts_what_was_generated_and_to_load_it_again_changes_no_view(
    stack: Stack, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.json"
    generate = [
        *(sys.executable, "-m", "generator", "--to=jsonl", f"--path={tmp_path}/part-1.jsonl.gz"),
        *("--events=4000", "--malformed_share=0.05", "--duplicate_share=0.03", f"--manifest={manifest}"),
    ]
    subprocess.run(generate, check=True, capture_output=True, timeout=60)
    published = json.loads(manifest.read_text())

    first = backfill(stack, f"--input_path={tmp_path}/*.jsonl.gz")

    assert first.returncode == 0, first.stderr
    assert ask(stack, SUMS) == [
        {"a": published["valid"], "d": published["duplicates"], "r": published["malformed"]}
    ]
    reasons = "SELECT reason, COUNT(*) AS n FROM dead_letters_deduplicated GROUP BY reason"
    assert {row["reason"]: row["n"] for row in ask(stack, reasons)} == published["malformed_by_reason"]
    orders = "SELECT SUM(order_count) AS n FROM {} WHERE dimension = 'all'"
    valid_orders = published["by_event_type"]["order"]["valid"]
    for view in ("order_metrics_latest", "hourly_metrics_latest"):
        assert ask(stack, orders.format(view)) == [{"n": valid_orders}]
    before = {view: view_rows(stack, view) for view in VIEWS}

    second = backfill(stack, f"--s3_path={tmp_path}/*.jsonl.gz", "--reload")

    assert second.returncode == 0, second.stderr
    assert ask(stack, "SELECT COUNT(*) AS n FROM orders") == [{"n": 2 * valid_orders}]
    assert {view: view_rows(stack, view) for view in VIEWS} == before


def test_a_path_without_files_ends_with_one_sentence_and_code_2(stack: Stack, tmp_path: Path) -> None:
    run = backfill(stack, f"--input_path={tmp_path}/*.jsonl")
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1] == (
        f"error: --input_path={tmp_path}/*.jsonl matches no file: check the path, and quote the glob."
    )


def test_a_bucket_that_does_not_exist_ends_with_one_sentence_and_code_2(stack: Stack) -> None:
    run = backfill(stack, "--input_path=gs://no-such-bucket/raw/*.jsonl")
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].startswith(
        "error: --input_path=gs://no-such-bucket/raw/*.jsonl cannot be"
    )
