"""BigQuery goes away and comes back while nobody waits: dead letters, alerts, replay, each event once."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.endtoend.events import TABLES, messages
from tests.endtoend.gate import Gate
from tests.endtoend.plant import Plant
from tests.endtoend.test_acknowledgement import event_ids
from tests.replay.command import FROM_SUBSCRIPTION, FROM_TABLE, replay

WAVE = 30
LOST = 2 * WAVE + 1
"""Two waves during the outage, and an event that BigQuery refuses for its own sake."""
PAUSE_SECONDS = 1.0


@pytest.fixture
def gate(plant: Plant) -> Iterator[Gate]:
    gate = Gate(plant.stack.service("bigquery").address)
    yield gate
    gate.close()


def letters(plant: Plant) -> list[dict[str, Any]]:
    """The rows of dead_letters that had to go to files."""
    return [json.loads(line) for line in plant.own_rows("dead_letters").splitlines()]


def told(plant: Plant) -> list[dict[str, Any]]:
    """What the function has told of outages of the run's event tables."""
    lines = map(json.loads, Path(plant.stack.environment["ALERT_LOG"]).read_text().splitlines())
    outages = [line for line in lines if (line["run_id"], line["kind"]) == (plant.name, "sink_outage")]
    return [line for line in outages if line["dimension_value"] in TABLES.values()]


def ends_told(plant: Plant) -> set[str]:
    return {each["dimension_value"] for each in told(plant) if each["state"] == "resolved"}


@pytest.mark.slow
def test_after_an_outage_and_a_replay_every_event_is_in_its_table_once(
    plant: Plant, gate: Gate, tmp_path: Path
) -> None:
    gate.is_open = False
    process = plant.start(
        variables={"BIGQUERY_EMULATOR_HOST": gate.url},
        alerts_topic=plant.stack.environment["ALERTS_TOPIC"],
        run_id=plant.name,
        on_sink_outage="dead_letter",
        outage_retry_seconds=0.05,
        outage_pause_seconds=PAUSE_SECONDS,
        stop_when_idle_seconds=None,
    )
    process.wait_until(lambda: "reading projects/" in process.said)
    for wave in range(2):
        plant.publish_all(messages(WAVE, f"lost{wave}-"))
        process.wait_until(lambda so_far=(wave + 1) * WAVE: len(letters(plant)) == so_far)
    assert {(row["stage"], row["reason"]) for row in letters(plant)} == {
        ("bigquery_unavailable", "bigquery_unavailable")
    }
    assert event_ids(plant) == []

    gate.is_open = True
    gate.refused.add("late0")
    time.sleep(PAUSE_SECONDS)
    plant.publish_all(messages(WAVE, "late"))
    process.wait_until(lambda: len(event_ids(plant)) == WAVE - 1)
    process.wait_until(lambda: plant.warehouse.column("SELECT stage FROM dead_letters") == ["bigquery"])
    gate.refused.clear()
    first = replay(plant, FROM_SUBSCRIPTION, "--wait_seconds=30")
    again = replay(plant, FROM_SUBSCRIPTION)
    process.wait_until(lambda: ends_told(plant) == set(TABLES.values()))
    process.terminate()
    process.must_succeed()

    assert first.code == 0, first.err
    assert first.out.splitlines()[0] == f"{LOST} dead letters read, {LOST} replayed"
    assert f"landed                {LOST}" in first.out
    assert " 0 replayed" in again.out
    published = [f"{prefix}{n}" for prefix in ("lost0-", "lost1-", "late") for n in range(WAVE)]
    assert event_ids(plant) == sorted(published)

    outages = told(plant)
    assert {(each["dimension"], each["severity"]) for each in outages} == {("table", "critical")}
    for table in TABLES.values():
        lives: dict[str, set[str]] = {}
        for each in outages:
            if each["dimension_value"] == table:
                lives.setdefault(each["alert_id"], set()).add(each["state"])
        assert [states - {"ongoing"} for states in lives.values()] == [{"open", "resolved"}]

    for table in ("dead_letters", "data_quality_metrics", "order_metrics", "alerts"):
        lines = tmp_path / f"{table}.jsonl"
        lines.write_bytes(plant.own_rows(table))
        plant.warehouse.load(table, lines)
    assert plant.warehouse.count("dead_letters_deduplicated") == LOST
    assert plant.warehouse.count("dead_letters_open") == 0
    ledger = plant.warehouse.ledger()
    assert (ledger["received"], ledger["accepted"], ledger["rejected"]) == (3 * WAVE + LOST, 3 * WAVE, LOST)
    orders = plant.warehouse.column(
        "SELECT SUM(order_count) FROM order_metrics_latest WHERE dimension = 'all'"
    )
    assert orders == [WAVE]
    assert "orders" not in plant.warehouse.column("SELECT dimension_value FROM open_alerts")
    third = replay(plant, FROM_TABLE)
    assert third.out == "0 dead letters read, 0 replayed\n"
