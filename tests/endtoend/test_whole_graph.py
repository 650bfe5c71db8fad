"""A simulated shop through the whole pipeline: every output against the others, recounted in plain Python."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.stack import Stack
from tests.endtoend.events import TABLES
from tests.endtoend.pipeline_process import REPOSITORY, PipelineProcess
from tests.endtoend.plant import Plant

pytestmark = pytest.mark.slow

EVENTS = 800
WINDOW_SECONDS = 5
LATE_SHARE = 0.05


class Outcome(NamedTuple):
    """What one run has left."""

    plant: Plant
    process: PipelineProcess
    manifest: dict[str, Any]
    """The generator's own counts of what it published."""
    rows: dict[str, list[dict[str, Any]]]
    """The rows of each event table."""


@pytest.fixture(scope="module")
def outcome(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    plant = Plant(stack)
    process = plant.start(
        alerts_topic=stack.environment["ALERTS_TOPIC"],  # the one that is pushed to the function
        min_validity_rate=0.99,
        min_validity_messages=20,
        stop_when_idle_seconds=8,  # until the generator publishes, which takes long on a busy machine
    )
    process.wait_until(lambda: "reading projects/" in process.said)
    manifest_path = tmp_path_factory.mktemp("generator") / "manifest.json"
    generate(plant, stack, manifest_path)
    process.must_succeed()
    rows = {table: plant.warehouse.ask(f"SELECT * FROM {table}") for table in TABLES.values()}
    return Outcome(plant, process, json.loads(manifest_path.read_text()), rows)


def generate(plant: Plant, stack: Stack, manifest_path: Path) -> None:
    command = [sys.executable, "-m", "generator", "--to=pubsub", f"--topic={plant.topic}", "--seed=3"]
    shares = ["--malformed_share=0.1", "--duplicate_share=0.05", f"--late_share={LATE_SHARE}"]
    amount = [f"--events={EVENTS}", "--rate=100", f"--manifest={manifest_path}"]
    subprocess.run(
        [*command, *shares, *amount],
        cwd=REPOSITORY,
        env={"PATH": "", **stack.environment},
        check=True,
        capture_output=True,
        timeout=60,
    )


def window_start(moment: datetime, seconds: int) -> float:
    return moment.timestamp() // seconds * seconds


def test_generator_made_every_kind_of_message(outcome: Outcome) -> None:
    manifest = outcome.manifest
    assert manifest["published"] == EVENTS
    assert min(manifest[word] for word in ("valid", "malformed", "duplicates", "late")) > 0


@pytest.mark.parametrize(("event_type", "table"), TABLES.items())
def test_table_holds_each_valid_event_once(event_type: str, table: str, outcome: Outcome) -> None:
    ids = [row["event_id"] for row in outcome.rows[table]]
    assert len(ids) == outcome.manifest["by_event_type"][event_type]["valid"]
    assert len(set(ids)) == len(ids)
    assert sorted(outcome.plant.warehouse.column(f"SELECT event_id FROM {table}_deduplicated")) == sorted(ids)


@pytest.mark.parametrize(("event_type", "table"), TABLES.items())
def test_lake_holds_the_same_rows_as_the_table(event_type: str, table: str, outcome: Outcome) -> None:
    def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(rows, key=lambda row: str(row["event_id"]))

    assert by_id(outcome.plant.lake_rows(event_type)) == by_id(outcome.rows[table])


def recounted_orders(orders: list[dict[str, Any]], seconds: int) -> dict[Any, Any]:
    """(window start, dimension, value) -> (orders, items, revenue, customers, late), from the table alone."""
    groups: dict[Any, list[tuple[dict[str, Any], list[dict[str, Any]], float]]] = defaultdict(list)
    for order in orders:
        start, items = window_start(order["order_date"], seconds), order["items"]
        country = (order["shipping_address"] or {}).get("country") or "(none)"
        for dimension, value in (("all", "all"), ("status", order["status"]), ("country", country)):
            groups[start, dimension, value].append((order, items, order["total_amount"]))
        for category in {item["category"] or "(none)" for item in items}:
            own = [item for item in items if (item["category"] or "(none)") == category]
            revenue = math.fsum(item["unit_price"] * item["quantity"] for item in own)
            groups[start, "category", category].append((order, own, revenue))
    return {
        key: (
            len(members),
            sum(item["quantity"] for _, items, _ in members for item in items),
            pytest.approx(math.fsum(revenue for _, _, revenue in members), rel=1e-12),
            len({order["customer_id"] for order, _, _ in members}),
            sum(order["is_late"] for order, _, _ in members),
        )
        for key, members in groups.items()
    }


@pytest.mark.parametrize(("view", "seconds"), [("order_metrics_latest", 5), ("hourly_metrics_latest", 3_600)])
def test_order_metrics_are_what_a_recount_of_the_table_gives(
    view: str, seconds: int, outcome: Outcome
) -> None:
    rows = outcome.plant.warehouse.ask(f"SELECT * FROM {view}")
    measures = ("order_count", "item_count", "revenue", "unique_customers", "late_count")
    counted = {
        (row["window_start"].timestamp(), row["dimension"], row["dimension_value"]): tuple(
            row[measure] for measure in measures
        )
        for row in rows
    }
    assert len(counted) == len(rows)
    assert counted == recounted_orders(outcome.rows["orders"], seconds)
    assert all((row["window_end"] - row["window_start"]).total_seconds() == seconds for row in rows)


def test_ledger_is_what_a_recount_of_the_tables_gives(outcome: Outcome) -> None:
    accepted = Counter(
        (window_start(row["publish_time"], WINDOW_SECONDS), event_type)
        for event_type, table in TABLES.items()
        for row in outcome.rows[table]
    )
    letters = outcome.plant.warehouse.ask("SELECT * FROM dead_letters")
    rejected = Counter(
        (window_start(letter["publish_time"], WINDOW_SECONDS), letter["event_type"] or "unknown")
        for letter in letters
    )
    rows = outcome.plant.warehouse.ask("SELECT * FROM data_quality_metrics_latest")
    by_key = {(row["window_start"].timestamp(), row["event_type"]): row for row in rows}
    assert {key: row["accepted"] for key, row in by_key.items() if row["accepted"]} == accepted
    assert {key: row["rejected"] for key, row in by_key.items() if row["rejected"]} == rejected
    for row in rows:
        assert row["received"] == row["accepted"] + row["duplicates"] + row["rejected"]
        assert row["validity_rate"] == pytest.approx(1 - row["rejected"] / row["received"])


def test_ledger_is_what_the_generator_published(outcome: Outcome) -> None:
    manifest = outcome.manifest
    assert outcome.plant.warehouse.ledger() == {
        "received": manifest["published"],
        "accepted": manifest["valid"],
        "duplicates": manifest["duplicates"],
        "rejected": manifest["malformed"],
        "late": manifest["late"],
    }


def test_dead_letters_have_the_reasons_the_generator_meant(outcome: Outcome) -> None:
    reasons = Counter(outcome.plant.warehouse.column("SELECT reason FROM dead_letters_deduplicated"))
    assert dict(reasons) == outcome.manifest["malformed_by_reason"]


def test_dead_letters_on_the_topic_are_those_in_the_table(outcome: Outcome) -> None:
    plant = outcome.plant
    on_topic = plant.pull_all(plant.dlq_subscription).values()
    in_table = plant.warehouse.ask("SELECT message_id, payload, fingerprint FROM dead_letters")
    assert sorted(
        (m.attributes["message_id"], m.data, m.attributes["fingerprint"]) for m in on_topic
    ) == sorted((row["message_id"], row["payload"] or b"", row["fingerprint"]) for row in in_table)


def test_everything_was_acknowledged(outcome: Outcome) -> None:
    stats = outcome.process.stats()
    assert (stats["messages_read"], stats["messages_finished"]) == (EVENTS, EVENTS)
    assert outcome.plant.pull_all(outcome.plant.subscription) == {}


def test_late_events_are_marked_as_such(outcome: Outcome) -> None:
    late = [row for rows in outcome.rows.values() for row in rows if row["is_late"]]
    assert len(late) == outcome.manifest["late"]
    for row in late:
        event_time = row["order_date"] if "order_date" in row else row["timestamp"]
        assert (row["publish_time"] - event_time).total_seconds() > 300


def test_each_alert_in_the_table_is_delivered_once_by_the_function(outcome: Outcome) -> None:
    recorded = outcome.plant.warehouse.ask(
        "SELECT * FROM alerts WHERE TRUE "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY alert_id, state ORDER BY window_start) = 1"
    )
    assert {alert["kind"] for alert in recorded} == {"low_validity"}
    log = Path(outcome.plant.stack.environment["ALERT_LOG"])
    deadline = time.monotonic() + 15
    delivered: list[dict[str, Any]] = []
    while len(delivered) < len(recorded) and time.monotonic() < deadline:
        lines = log.read_text().splitlines() if log.exists() else []
        ids = {alert["alert_id"] for alert in recorded}
        delivered = [alert for alert in map(json.loads, lines) if alert["alert_id"] in ids]
        time.sleep(0.1)
    told = sorted((each["alert_id"], each["state"]) for each in delivered)
    assert told == sorted((each["alert_id"], each["state"]) for each in recorded)
