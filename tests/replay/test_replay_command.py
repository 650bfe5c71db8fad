"""The command on letters in the emulators: looking, choosing, repairing, leaving."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.endtoend.pipeline_process import REPOSITORY
from tests.endtoend.plant import Plant
from tests.replay.command import FROM_SUBSCRIPTION, FROM_TABLE, replay
from tests.replay.letters import keep, letter

BOTH = pytest.mark.parametrize("source", [FROM_SUBSCRIPTION, FROM_TABLE])


def originals(count: int) -> list[tuple[bytes, dict[str, str]]]:
    return [(b'{ "n": "%d" }' % number, {"event_id": f"e{number}"}) for number in range(count)]


def keep_two_kinds(plant: Plant) -> None:
    """Three letters refused for one reason, and two for another, one of them not JSON."""
    messages = originals(4)
    keep(plant, [letter(number, messages[number], "wrong_type") for number in range(3)])
    keep(plant, [letter(3, messages[3], "not_utf8"), letter(4, (b"\xff\x1b", {}), "not_utf8")])


@BOTH
def test_dry_run_shows_the_letters_by_fingerprint_and_changes_nothing(source: str, plant: Plant) -> None:
    keep_two_kinds(plant)
    seen = replay(plant, source, "--dry_run", "--show_payloads")
    assert seen.code == 0, seen.err
    lines = seen.out.splitlines()
    assert re.findall(r"^[0-9a-f]{16}  (\d) letters$", seen.out, re.MULTILINE) == ["3", "2"]
    assert "  wrong_type, event type order, stage parse" in lines
    assert "  /status: status must be one of …" in lines
    assert any(re.fullmatch(r'  payload, 12 bytes: \{ "n": "[012]" \}', line) for line in lines)
    assert lines[-1] == "5 dead letters read, 5 would be replayed"
    assert plant.pull_all(plant.subscription) == {}
    assert plant.warehouse.count("replays") == 0
    # Which of the letters is the example is left to BigQuery; all else is the same again.
    assert replay(plant, source, "--dry_run").out.splitlines()[-1] == lines[-1]


@BOTH
def test_letters_that_a_filter_does_not_mean_stay(source: str, plant: Plant) -> None:
    keep_two_kinds(plant)
    ended = replay(plant, source, "--reason=wrong_type")
    assert ", 3 replayed\n" in ended.out
    assert sorted(each.data for each in plant.pull_all(plant.subscription).values()) == [
        payload for payload, _ in originals(3)
    ]
    left = plant.pull_all(plant.dlq_subscription) if source == FROM_SUBSCRIPTION else {}
    assert len(left) == (2 if source == FROM_SUBSCRIPTION else 0)
    assert plant.warehouse.count("dead_letters_open") == 2


def test_filters_are_the_same_in_the_tables_words(plant: Plant) -> None:
    keep_two_kinds(plant)
    counts = {
        "--event_type=inventory": 0,
        "--event_type=order,unknown": 5,
        "--reason=not_utf8": 2,
        "--since=2026-03-02T10:04:11Z": 5,
        "--since=2026-03-02T10:04:11.000001Z": 0,
        "--fingerprint=0123456789abcdef": 0,
    }
    for flag, count in counts.items():
        ended = replay(plant, FROM_TABLE, "--dry_run", flag)
        assert ended.out.splitlines()[-1] == f"{count} dead letters read, {count} would be replayed"


@BOTH
def test_repaired_letters_tell_what_they_were(source: str, plant: Plant, tmp_path: Path) -> None:
    keep_two_kinds(plant)
    rules = tmp_path / "rules.json"
    cast = {"when": {"path": "/n", "type": "string"}, "do": {"cast": "/n", "as": "integer"}}
    fail = {"when": {"path": "/n", "equals": 1}, "do": {"drop": "/none"}}
    rules.write_text(json.dumps({"rules": [cast, fail]}))
    ended = replay(plant, source, f"--rules={rules}", "--only_repaired")
    assert ended.code == 0, ended.err
    assert "5 dead letters read, 3 replayed (3 of them repaired)" in ended.out
    assert re.search(
        r"1 left: a rule could not be carried out, such as \w{32}: rules\[1\]: /none is not there", ended.out
    )
    assert "  1 left: no rule has changed it\n" in ended.out
    replayed = plant.pull_all(plant.subscription).values()
    assert sorted(each.data for each in replayed) == [b'{"n":0}', b'{"n":2}', b'{"n":3}']
    hashes = {each.data: each.attributes["original_sha256"] for each in replayed}
    rows = plant.warehouse.ask("SELECT * FROM replays")
    assert {row["original_sha256"] for row in rows} == set(hashes.values())
    assert {row["repaired"] for row in rows} == {True}
    rest = replay(plant, source)
    assert ", 2 replayed\n" in rest.out


def test_limit_ends_the_run_and_the_next_one_goes_on(plant: Plant) -> None:
    keep(plant, [letter(number, each) for number, each in enumerate(originals(5))])
    for source, count in ((FROM_SUBSCRIPTION, 3), (FROM_TABLE, 2)):
        assert f", {count} replayed\n" in replay(plant, source, "--limit=3").out
    assert len(plant.pull_all(plant.subscription)) == 5


@pytest.mark.parametrize(
    "attributes", [{}, {f"key{number}": "v" for number in range(100)}], ids=["few", "full"]
)
def test_a_message_is_replayed_max_replays_times_and_no_more(
    attributes: dict[str, str], plant: Plant
) -> None:
    message_id, count = "m0", 0
    for generation in range(3):
        original = letter(
            0, (b"x", {**attributes, **({"replay_count": str(count)} if count and not attributes else {})})
        )
        keep(plant, [replace(original, message=replace(original.message, given_id=message_id))])
        ended = replay(plant, FROM_TABLE, "--max_replays=2")
        replayed = plant.pull_all(plant.subscription)
        if generation == 2:
            assert (len(replayed), "1 left: beyond --max_replays" in ended.out) == (0, True)
        else:
            ((message_id, sent),) = replayed.items()
            count = int(sent.attributes.get("replay_count", "0"))
            assert count == (0 if attributes else generation + 1)
    assert plant.warehouse.column("SELECT replay_count FROM replays ORDER BY replay_count") == [1, 2]


def test_letter_whose_bytes_cannot_be_had_is_left(plant: Plant) -> None:
    lost = letter(5)
    keep(plant, [lost])
    for blob in plant._bucket.list_blobs(prefix=f"{plant.name}/dead_letters/"):
        blob.delete()
    ended = replay(plant, FROM_TABLE)
    assert ended.code == 0, ended.err
    assert "  1 left: incomplete: bytes or attributes cannot be had, such as " in ended.out
    assert plant.pull_all(plant.subscription) == {}


def test_missing_resource_is_one_sentence_and_exit_code_2(plant: Plant) -> None:
    keep_two_kinds(plant)
    lacks = "lacks a table, view or column of schemas.json: "
    missing = "does not exist: create it, or name another."
    for source, flag, said in (
        (FROM_SUBSCRIPTION, "--dlq_subscription=projects/local-shop/subscriptions/none", missing),
        (FROM_TABLE, "--topic=projects/local-shop/topics/none", missing),
        (FROM_TABLE, "--bq_dataset=local-shop:none", lacks),
        (FROM_SUBSCRIPTION, "--bq_dataset=local-shop:none", lacks),
    ):
        ended = replay(plant, source, flag)
        assert ended.code == 2
        assert ended.err.startswith(f"error: {flag} {said}"), ended.err
        assert ended.err.count("\n") == 1
    assert plant.warehouse.count("replays") == 0


def test_the_rules_in_the_document_do_what_it_says(plant: Plant, tmp_path: Path) -> None:
    document = (REPOSITORY / "docs" / "replay.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```json\n(.*?)```", document, re.DOTALL)
    (tmp_path / "rules.json").write_text(text)
    payloads = {
        "e0": (b'{"total_amount":"12.50"}', b'{"total_amount":12.5}'),
        "e1": (b'{"total":3,"debug":1}', b'{"total_amount":3}'),
        "e2": (b'{"order_date":1772445851250}', b'{"order_date":"2026-03-02T10:04:11.250000Z"}'),
        "e3": (b'{"status":"canceled"}', b'{"status":"pending"}'),
        "e4": (b"\xff", b"\xff"),
    }
    keep(
        plant,
        [
            letter(number, (before, {"event_type": "orders", "event_id": event_id}), "wrong_type")
            for number, (event_id, (before, _)) in enumerate(payloads.items())
        ],
    )
    ended = replay(plant, FROM_TABLE, f"--rules={tmp_path}/rules.json", "--only_repaired")
    assert "5 dead letters read, 5 replayed (5 of them repaired)" in ended.out
    replayed = plant.pull_all(plant.subscription).values()
    assert {each.attributes["event_id"]: each.data for each in replayed} == {
        event_id: after for event_id, (_, after) in payloads.items()
    }
    assert {each.attributes["event_type"] for each in replayed} == {"order"}
