"""Files of archived messages, and backfills over them as a user runs them: as processes."""

from __future__ import annotations

import base64
import gzip
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet

from tests.contract.messages import GOOD
from tests.endtoend.warehouse import Warehouse

REPOSITORY = Path(__file__).resolve().parents[2]
LATEST = ("order_metrics_latest", "hourly_metrics_latest", "data_quality_metrics_latest")
DEDUPLICATED = (
    "orders_deduplicated",
    "inventory_logs_deduplicated",
    "user_activity_deduplicated",
    "dead_letters_deduplicated",
)
VIEWS = (*LATEST, *DEDUPLICATED)
CLOCK = ("emitted_at", "processed_at", "failed_at", "latency_ms_p99")
"""Columns that say when a run was, and nothing of what it read."""


def order(event_id: str, minute: float, customer: str = "c-1", **changes: Any) -> bytes:
    """A line: a good order, archived as it was published so many minutes after noon."""
    when = clock(minute)
    payload = {**GOOD["order"], "order_date": when, "customer_id": customer, **changes}
    attributes = {"event_type": "order", "event_id": event_id}
    return envelope(orjson.dumps(payload), attributes, f"m-{event_id}-{minute:g}", when)


def refused(number: int, minute: float) -> bytes:
    """A line: a message that is not JSON."""
    return envelope(b'{"order_id": ', {"event_type": "order"}, f"r-{number}", clock(minute))


def envelope(payload: bytes, attributes: Mapping[str, str], message_id: str, publish_time: str) -> bytes:
    data = base64.b64encode(payload).decode()
    return orjson.dumps(
        {"data": data, "attributes": attributes, "message_id": message_id, "publish_time": publish_time}
    )


def clock(minute: float) -> str:
    return f"2024-05-01T12:{int(minute):02d}:{round(minute % 1 * 60):02d}Z"


def write_lines(path: Path, lines: Iterable[bytes]) -> Path:
    data = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def command(input_path: Path | str, root: str, dataset: str, *flags: str) -> list[str]:
    return [
        *(sys.executable, "-m", "pipeline.main", "--is_backfill", f"--input_path={input_path}"),
        *(f"--output_bucket={root}", f"--bq_dataset={dataset}", "--dlq_topic=none", "--alerts_topic=none"),
        *flags,
    ]


def run(arguments: list[str], variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(
        arguments,
        cwd=REPOSITORY,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        timeout=100,
    )


def sentences(finished: subprocess.CompletedProcess[str]) -> list[str]:
    """What a run has logged of its files, without times, counters and progress."""
    logged = re.findall(r"^\S+ \S+ INFO \S+ (.+)$", finished.stderr, re.MULTILINE)
    return [line for line in logged if not re.fullmatch(r"[\w.]+: \d+", line)]


def rows_of_views(
    warehouse: Warehouse, views: Iterable[str] = VIEWS, without: Iterable[str] = ()
) -> dict[str, list[str]]:
    """The rows of each view as text, in one order."""
    return {
        view: sorted(
            repr({name: value for name, value in row.items() if name not in without})
            for row in warehouse.ask(f"SELECT * FROM {view}")
        )
        for view in views
    }


def lake_rows(root: Path) -> dict[str, list[str]]:
    """What lies under processed/ of a local lake: the rows of each file, without processed_at."""
    files = {}
    for path in sorted((root / "processed").rglob("*.parquet")):
        rows = pyarrow.parquet.ParquetFile(io.BytesIO(path.read_bytes())).read().to_pylist()
        files[str(path.relative_to(root))] = sorted(repr({**row, "processed_at": None}) for row in rows)
    return files
