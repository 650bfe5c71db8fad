"""What is published again is what was refused: bytes and attributes, from the queue and from the table."""

from __future__ import annotations

import pytest

from tests.endtoend.plant import Plant
from tests.replay.command import FROM_SUBSCRIPTION, FROM_TABLE, replay
from tests.replay.letters import identity, keep, letter, message

COUNT = 1_000


@pytest.mark.slow
@pytest.mark.parametrize("source", [FROM_SUBSCRIPTION, FROM_TABLE])
def test_a_thousand_letters_come_back_as_they_were_and_only_once(source: str, plant: Plant) -> None:
    keep(plant, [letter(number) for number in range(COUNT)])

    first = replay(plant, source)

    assert first.code == 0, first.err
    assert first.out.splitlines()[0] == "1,000 dead letters read, 1,000 replayed"
    replayed = plant.pull_all(plant.subscription)
    assert sorted(identity(each.data, each.attributes) for each in replayed.values()) == sorted(
        identity(*message(number)) for number in range(COUNT)
    )
    full = [each for each in replayed.values() if len(each.attributes) == 100]
    assert len(full) == COUNT // 10
    assert {each.attributes.get("replay_count") for each in full} == {None}
    others = [each for each in replayed.values() if len(each.attributes) < 100]
    unmarked = [each for each in others if each.attributes.get("replay_count") != "1"]
    assert [len(each.data) for each in unmarked] == [9_899_900]  # no room for the mark

    rows = plant.warehouse.ask("SELECT * FROM replays")
    assert len(rows) == COUNT
    assert {row["message_id"] for row in rows} == set(replayed)
    assert {(row["replay_count"], row["repaired"], row["topic"]) for row in rows} == {(1, False, plant.topic)}
    assert plant.warehouse.count("dead_letters_open") == 0

    for again in (FROM_TABLE, FROM_SUBSCRIPTION):
        second = replay(plant, again)
        assert second.code == 0, second.err
        assert " 0 replayed" in second.out
    assert plant.pull_all(plant.subscription) == {}
    assert plant.warehouse.count("replays") == COUNT
    assert plant.pull_all(plant.dlq_subscription) == {}
