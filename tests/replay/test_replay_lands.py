"""Refused by the pipeline, replayed, and accepted by a pipeline whose contract is mended."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from tests.endtoend.events import Message, event
from tests.endtoend.pipeline_process import REPOSITORY
from tests.endtoend.plant import Plant
from tests.replay.command import FROM_SUBSCRIPTION, FROM_TABLE, replay

COUNT = 1_000
NOT_UTF8 = 20


def lost_order(number: int) -> Message:
    """An order with a status that the contract lacks: many short, some long, one too large for a row."""
    street = "s" * (1_100_000 if number == 7 else 2_500 if number % 10 == 1 else 5)
    address = {"city": "Köln", "country": "DE", "street": street}
    attributes = {"event_type": "order", "event_id": f"e{number}"}
    if number % 10 == 2:
        attributes |= {f"key{position}": "v" for position in range(98)}
    return orjson.dumps(event("order", status="lost", shipping_address=address)), attributes


def contract_with_a_lost_status(folder: Path) -> Path:
    contract = json.loads((REPOSITORY / "schemas.json").read_text(encoding="utf-8"))
    (status,) = [each for each in contract["tables"]["orders"]["columns"] if each["name"] == "status"]
    status["check"]["enum"].append("lost")
    path = folder / "schemas.json"
    path.write_text(json.dumps(contract), encoding="utf-8")
    return path


@pytest.mark.slow
def test_with_a_mended_contract_all_that_can_land_do_so_once(plant: Plant, tmp_path: Path) -> None:
    orders = [lost_order(number) for number in range(COUNT)]
    unreadable = [
        (b"\xff" + payload, {"event_type": "order", "event_id": f"u{number}"})
        for number, (payload, _) in enumerate(orders[8 : 8 + NOT_UTF8])
    ]
    plant.publish_all([*orders, *unreadable])
    plant.run(stop_when_idle_seconds=1)
    assert plant.warehouse.count("dead_letters_open") == COUNT + NOT_UTF8
    assert plant.warehouse.count("orders") == 0

    mended = plant.start(schemas_path=contract_with_a_lost_status(tmp_path), stop_when_idle_seconds=6)
    mended.wait_until(lambda: "reading projects/" in mended.said)
    first = replay(plant, FROM_SUBSCRIPTION, "--wait_seconds=40")
    again = replay(plant, FROM_TABLE, "--reason=invalid_value")
    others = replay(plant, FROM_TABLE, "--max_replays=1")
    mended.must_succeed()

    assert first.code == 0, first.err
    said = [line.split() for line in first.out.splitlines()]
    # Some of the 20 come back while the first replay still reads; it leaves them.
    assert said[0][-2:] == ["1,020", "replayed"]
    assert said[-4:] == [
        ["landed", "1,000"],
        ["refused", "again", "20"],
        ["20", "not_utf8"],
        ["not", "yet", "seen", "0"],
    ]
    assert again.out == "0 dead letters read, 0 replayed\n"
    assert others.out == "20 dead letters read, 0 replayed\n  20 left: beyond --max_replays\n"
    landed = plant.warehouse.ask("SELECT event_id, status, shipping_address.street AS street FROM orders")
    assert sorted((row["event_id"], row["status"], len(row["street"])) for row in landed) == sorted(
        (attributes["event_id"], "lost", len(orjson.loads(payload)["shipping_address"]["street"]))
        for payload, attributes in orders
    )
    came_back = plant.warehouse.ask("SELECT reason, replay_count, payload FROM dead_letters_open")
    assert {(row["reason"], row["replay_count"]) for row in came_back} == {("not_utf8", 1)}
    assert sorted(row["payload"] for row in came_back) == sorted(payload for payload, _ in unreadable)
