"""A run of the whole pipeline over canaries: they are in payloads, event tables and the lake alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from local.stack import Stack
from pipeline.contract import load_contract
from pipeline.transforms.dead_letters import ORIGINAL_PREFIX
from tests.endtoend.events import TABLES, event, message
from tests.endtoend.pipeline_process import PipelineProcess
from tests.endtoend.plant import Plant
from tests.privacy.canaries import TEXT, TRACES, accepted, personal_columns, refused

pytestmark = pytest.mark.slow

CONTRACT = load_contract()
ACCEPTED, REFUSED = list(accepted(CONTRACT)), list(refused(CONTRACT))


class Outcome(NamedTuple):
    """What the run has left."""

    plant: Plant
    process: PipelineProcess


@pytest.fixture(scope="module")
def outcome(stack: Stack) -> Outcome:
    plant = Plant(stack)
    # Longer than a window: one that a drain cuts short is not judged, and tells of nothing.
    flags = {"min_validity_messages": 10, "anomaly_min_orders": 1, "stop_when_idle_seconds": 7}
    process = plant.start(alerts_topic=stack.environment["ALERTS_TOPIC"], **flags)
    for canary in ACCEPTED:
        table = CONTRACT.table_of(canary.event_type)
        sent_as = table if canary.version is None else table.earlier_versions[canary.version - 1]
        now = event(canary.event_type)[table.event_time]
        payload = orjson.loads(canary.payload) | {sent_as.event_time: now}
        plant.publish(orjson.dumps(payload), canary.attributes)
    plant.publish(*message("inventory", "wrong-way", quantity_change=5))
    plant.publish_all([(canary.payload, canary.attributes) for canary in REFUSED])
    process.must_succeed()
    return Outcome(plant, process)


def traces_in(text: Any) -> list[str]:
    said = str(text)
    return [trace for trace in TRACES if trace in said]


def test_canaries_are_where_they_belong(outcome: Outcome) -> None:
    rows = {name: str(outcome.plant.warehouse.ask(f"SELECT * FROM {name}")) for name in TABLES.values()}
    lake = {name: str(outcome.plant.lake_rows(event_type)) for event_type, name in TABLES.items()}
    for event_type in {personal.table.event_type for personal in personal_columns(CONTRACT)}:
        name = TABLES[event_type]
        assert rows[name].count(TEXT) == lake[name].count(TEXT)
        assert rows[name].count(TEXT) == sum(each.event_type == event_type for each in ACCEPTED)
    payloads = [row["payload"] for row in outcome.plant.warehouse.ask("SELECT payload FROM dead_letters")]
    assert sorted(payloads) == sorted(canary.payload for canary in REFUSED)


def test_no_column_beside_the_payload_of_a_dead_letter_holds_one(outcome: Outcome) -> None:
    for row in outcome.plant.warehouse.ask("SELECT * EXCEPT (payload) FROM dead_letters"):
        assert traces_in(row) == []


def test_no_attribute_of_the_queue_holds_one(outcome: Outcome) -> None:
    letters = outcome.plant.pull_all(outcome.plant.dlq_subscription).values()
    assert len(letters) == len(REFUSED)
    for letter in letters:
        assert traces_in(dict(letter.attributes)) == []
        originals = {name for name in letter.attributes if name.startswith(ORIGINAL_PREFIX)}
        assert originals - {f"{ORIGINAL_PREFIX}schema_version"} == {f"{ORIGINAL_PREFIX}event_type"}


def test_no_derived_table_holds_one(outcome: Outcome) -> None:
    derived = [name for name, table in CONTRACT.tables.items() if table.event_type is None]
    for name in set(derived) - {"dead_letters"}:
        assert traces_in(outcome.plant.warehouse.ask(f"SELECT * FROM {name}")) == []


def test_no_alert_and_no_log_of_the_function_holds_one(outcome: Outcome, stack: Stack) -> None:
    alerts = outcome.plant.warehouse.ask("SELECT alert_id, kind FROM alerts WHERE state = 'open'")
    assert {alert["kind"] for alert in alerts} >= {"low_validity", "wrong_way"}
    log = Path(stack.environment["ALERT_LOG"])
    deadline = time.monotonic() + 20
    while not all(alert["alert_id"] in log.read_text() for alert in alerts) and time.monotonic() < deadline:
        time.sleep(0.1)
    said = log.read_text() + (stack.state.logs / "function.log").read_text()
    assert all(alert["alert_id"] in said for alert in alerts)
    assert traces_in(said) == []


def test_what_the_pipeline_says_holds_none(outcome: Outcome) -> None:
    assert "reading projects/" in outcome.process.said
    assert traces_in(outcome.process.said) == []
