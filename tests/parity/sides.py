"""What the live run and the backfill are compared by: the rows of tables, views, lake and queue."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from pipeline.contract import load_contract
from tests.endtoend.plant import Plant
from tests.endtoend.warehouse import Warehouse
from tests.parity.bucket import Bucket
from tests.parity.comparison import Comparison, compare

SIDES = ("live", "backfill")
Rows = list[dict[str, Any]]


class Subject(NamedTuple):
    """Rows that each side has of its own."""

    what: str
    key: tuple[str, ...]
    without: tuple[str, ...] = ()
    """Columns that say when or by whom a row was made, and nothing of what was read."""


_EVENT_TABLES = {kind: load_contract().table_of(kind).name for kind in load_contract().event_types}
_DIMENSION = ("window_start", "dimension", "dimension_value")
_LEDGER = ("window_start", "event_type")
# The time from publish to processed is the run's own: a backfill processes long after.
_LATENCIES = ("latency_ms_p50", "latency_ms_p95", "latency_ms_p99")
_REVISION = ("run_id", "run_mode", "pane_index", "pane_timing", "emitted_at")

EVENTS = tuple(
    Subject(name, ("event_id",), ("processed_at",))
    for table in _EVENT_TABLES.values()
    for name in (table, f"{table}_deduplicated")
)
DEAD_LETTERS = tuple(
    Subject(name, ("dead_letter_id",), ("failed_at",))
    for name in ("dead_letters", "dead_letters_deduplicated")
)
METRICS = (
    Subject("order_metrics_latest", _DIMENSION, ("emitted_at",)),
    Subject("hourly_metrics_latest", _DIMENSION, ("emitted_at",)),
    Subject("data_quality_metrics_latest", _LEDGER, ("emitted_at", "latency_ms_p99")),
)
LAST_PANES = (
    Subject("order_metrics", _DIMENSION, _REVISION),
    Subject("hourly_metrics", _DIMENSION, _REVISION),
    Subject("data_quality_metrics", _LEDGER, (*_REVISION, *_LATENCIES)),
)
LAKE = tuple(
    Subject(f"lake event_type={kind}", ("partition_path", "event_id"), ("processed_at",))
    for kind in _EVENT_TABLES
)
QUEUE = (Subject("dead letters on the DLQ topic", ("message_id", "stage", "reason"), ("failed_at",)),)
SUBJECTS = (*EVENTS, *DEAD_LETTERS, *QUEUE, *LAKE, *METRICS, *LAST_PANES)
ALERTS = Subject("alerts_deduplicated", ("alert_id", "state", "window_start"))
VIEWS = tuple(
    Subject(subject.what, subject.key)
    for subject in (*EVENTS, *DEAD_LETTERS, *METRICS, ALERTS)
    if subject.what.endswith(("_deduplicated", "_latest"))
)
"""A second run over the same messages must leave each row of them as it is, in every column."""


def read_side(plant: Plant, bucket: Bucket) -> dict[str, Rows]:
    """The rows of every subject of one side; takes the messages from its DLQ."""
    warehouse = plant.warehouse
    rows = {subject.what: read_rows(warehouse, subject.what) for subject in (*EVENTS, *METRICS)}
    # By the client, slow as it is: payloads must be compared as bytes.
    rows |= {subject.what: warehouse.ask(f"SELECT * FROM {subject.what}") for subject in DEAD_LETTERS}
    rows |= {subject.what: _last_panes(warehouse, subject) for subject in LAST_PANES}
    for subject in LAKE:
        rows[subject.what] = []
    for row in bucket.lake_rows(plant.lake):
        rows[f"lake {row['partition_path'].partition('/')[0]}"].append(row)
    (queue,) = QUEUE
    rows[queue.what] = _letters(plant)
    return rows


def read_rows(warehouse: Warehouse, table: str) -> Rows:
    """All rows of a table or view, by columns, as JSON has them: a tenth of the time of the client's rows."""
    texts = warehouse.column(f"SELECT TO_JSON_STRING(row) FROM {table} AS row")
    return [orjson.loads(text) for text in texts]


def compare_sides(live: dict[str, Rows], backfill: dict[str, Rows]) -> dict[Subject, Comparison]:
    """All subjects, compared."""
    return {
        subject: compare_rows(subject, live[subject.what], backfill[subject.what]) for subject in SUBJECTS
    }


def compare_rows(subject: Subject, live: Rows, backfill: Rows) -> Comparison:
    """One subject, compared."""
    what = f"{subject.what}, last panes" if subject in LAST_PANES else subject.what
    return compare(what, live, backfill, key=subject.key, sides=SIDES, without=subject.without)


def _last_panes(warehouse: Warehouse, subject: Subject) -> Rows:
    newest = f"ROW_NUMBER() OVER (PARTITION BY {', '.join(subject.key)} ORDER BY pane_index DESC) = 1"
    return read_rows(warehouse, f"(SELECT * FROM {subject.what} WHERE TRUE QUALIFY {newest})")


def _letters(plant: Plant) -> Rows:
    messages = plant.pull_all(plant.dlq_subscription).values()
    return [{**dict(message.attributes), "(data)": message.data} for message in messages]
