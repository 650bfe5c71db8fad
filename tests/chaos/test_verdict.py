"""A trial without its fault, without messages or without its damage has failed."""

from __future__ import annotations

from typing import Any

import pytest

from local.chaos.outcome import NOTHING, acknowledged_and_lost
from local.chaos.scenarios import SCENARIOS
from local.chaos.verdict import Seen, failures

GOOD = Seen(
    NOTHING._replace(published=640, letters_expected=33, letters_seen=33), 640, 25, [], True, drain_code=0
)
OF_CONTROL = GOOD._replace(
    outcome=GOOD.outcome._replace(lost=30, acknowledged_and_lost=19), exit_codes=[-9], drain_code=-9
)
EARLY = "control-early-acknowledgement"


def in_outcome(**figures: Any) -> dict[str, Any]:
    return {"outcome": GOOD.outcome._replace(**figures)}


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("bigquery-503", {}, []),
        ("bigquery-503", {"faults": 0}, ["the fault has met nothing: 0, not at least 1"]),
        ("bigquery-restart", {"faults": 0}, ["the fault has met nothing: 0, not at least 1"]),
        ("disk-full-lake", {"faults": 0}, ["the fault has met nothing: 0, not at least 1"]),
        ("kill", {"faults": 0, "exit_codes": [-9]}, []),
        ("kill", {}, ["0 pipelines were killed, not 1"]),
        ("kill-twice", {"exit_codes": [-9]}, ["1 pipelines were killed, not 2"]),
        ("storage-403", {"exit_codes": [1]}, []),
        ("clocks-wrong", {"faults": 0}, ["only 33 of 640 messages are no valid events, not 15%"]),
        ("invalid-5", {"faults": 0}, []),
        ("invalid-100", {}, ["only 33 of 640 messages are no valid events, not 100%"]),
        ("bigquery-503", in_outcome(published=0) | {"published": 0}, ["nothing was published"]),
        ("bigquery-503", {"published": 641}, ["641 messages were published, Pub/Sub got 640"]),
        ("bigquery-503", in_outcome(lost=2), ["lost is 2, not 0"]),
        ("bigquery-503", in_outcome(duplicated=1), ["duplicated in the views is 1, not 0"]),
        ("bigquery-503", {"is_settled": False}, ["not everything was acknowledged in time"]),
        ("bigquery-503", {"drain_code": 1}, ["the pipeline's last process did not drain: exit code 1"]),
    ],
)  # fmt: skip
def test_a_trial_must_have_its_fault_and_keep_the_promise(
    name: str, changes: dict[str, Any], said: list[str]
) -> None:
    assert failures(SCENARIOS[name], GOOD._replace(**changes)) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        (
            {"outcome": OF_CONTROL.outcome._replace(acknowledged_and_lost=0, losses={"lake": 150})},
            ["the control shows no damage: acknowledged_and_lost is 0"],
        ),
        ({"is_settled": False}, ["not everything was acknowledged in time"]),
        ({"exit_codes": [-9, 1]}, ["the control's pipeline ended by itself: exit codes [1]"]),
        ({"exit_codes": []}, ["0 pipelines were killed, not 1"]),
        ({"faults": 0}, ["the fault has met nothing: 0, not at least 1"]),
    ],
)
def test_a_control_must_do_its_damage_by_its_own_fault(changes: dict[str, Any], said: list[str]) -> None:
    assert failures(SCENARIOS[EARLY], OF_CONTROL._replace(**changes)) == said


def test_the_control_of_the_deduplication_needs_no_process_to_end() -> None:
    control = SCENARIOS["control-no-deduplication"]
    doubled = GOOD._replace(**in_outcome(duplicated_raw=600))
    assert failures(control, doubled) == []
    assert failures(control, doubled._replace(exit_codes=[1])) != []


def test_every_scenario_says_what_shows_its_fault() -> None:
    for scenario in SCENARIOS.values():
        assert scenario.proof.faults or scenario.proof.kills or scenario.proof.letters_share, scenario.name


def test_an_event_is_lost_for_good_once_all_its_messages_are_acknowledged() -> None:
    events = {("order", name): [f"{name}1", f"{name}2"] for name in "abc"}
    acknowledged = {"a1", "a2", "b1", "b2", "c1"}
    assert acknowledged_and_lost(events, {("order", "a")}, acknowledged) == 1
