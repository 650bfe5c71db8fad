"""A run that is balanced; then some of it is taken away, and the command says what."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest
from google.pubsub_v1.types import PubsubMessage

from tests.endtoend.events import message, messages
from tests.endtoend.in_process import Ended
from tests.endtoend.plant import Plant
from tests.reconcile.command import reconcile

COUNT = 60
REPEATED = 6
BAD = ((b"xx", {}), (b"{}", {"event_type": "order"}), (b"[]", {"event_type": "order"}))


def write_archive(path: Path, published: Mapping[str, PubsubMessage]) -> None:
    lines = [
        orjson.dumps(
            {
                "data": base64.b64encode(each.data).decode(),
                "attributes": dict(each.attributes),
                "message_id": message_id,
                "publish_time": each.publish_time.isoformat(),
            }
        )
        for message_id, each in published.items()
    ]
    path.write_bytes(gzip.compress(b"\n".join(lines)))


def gaps(ended: Ended) -> list[tuple[str, str, int, list[str], list[str]]]:
    return sorted(
        (each["finding"], each["event_type"], each["count"], sorted(each["message_ids"]), each["event_ids"])
        for each in ended.answer["findings"]
        if each["is_gap"]
    )


@pytest.mark.slow
def test_a_run_is_balanced_until_something_of_it_is_gone(plant: Plant, tmp_path: Path) -> None:
    copy = plant.subscribe_also("copy")
    good = messages(COUNT)
    ids = plant.publish_all([*good, *good[:REPEATED], *BAD])
    plant.run(stop_when_idle_seconds=1, run_id="first")
    published = plant.pull_all(copy)
    archive = tmp_path / "raw.jsonl.gz"
    write_archive(archive, published)
    since = f"--since={published[ids[0]].publish_time.isoformat()}"
    with_files = (since, f"--input_path={archive}")

    alone = reconcile(plant, since, "--until=finished", "--run_id=first")
    assert (alone.code, alone.err, alone.out.splitlines()[-1]) == (0, "", "balanced"), alone.out
    assert ", windows of 5 s; " in alone.out  # also if the range begins inside the first
    whole = reconcile(plant, *with_files)
    assert (whole.code, whole.out.splitlines()[-1]) == (0, "balanced")
    table = [line.split() for line in whole.out.splitlines()[2:6]]
    assert table == [
        ["inventory", "22", "22", "20", "2", "0", "20", "20", "0"],
        ["order", "24", "24", "20", "2", "2", "20", "20", "2"],
        ["unknown", "1", "1", "0", "0", "1", "0", "0", "1"],
        ["user_activity", "22", "22", "20", "2", "0", "20", "20", "0"],
    ]

    hidden = "lost-in-the-pipeline"
    payload, attributes = message("order", "a-never-seen")
    never_seen = PubsubMessage(
        data=payload, attributes=attributes, publish_time=published[ids[0]].publish_time
    )
    write_archive(archive, {**published, hidden: never_seen})
    ask = plant.warehouse.ask
    ask("DELETE FROM orders WHERE event_id IN ('e9', 'e33')")
    ask("DELETE FROM dead_letters WHERE reason = 'not_an_object'")
    ask("DELETE FROM data_quality_metrics WHERE event_type = 'unknown'")
    ask("INSERT INTO user_activity SELECT * FROM user_activity WHERE event_id = 'e2'")
    ask("CREATE OR REPLACE VIEW user_activity_deduplicated AS SELECT * FROM user_activity")
    found = reconcile(plant, *with_files, "--json")
    assert (found.code, found.err) == (1, "")
    gone = sorted([hidden, ids[9], ids[33]])  # no count tells which two of them had been accepted
    assert gaps(found) == [
        ("counted_too_few", "unknown", 1, [ids[COUNT + REPEATED]], []),
        ("letters_missing", "order", 1, [ids[COUNT + REPEATED + 2]], []),
        ("lost", "order", 1, gone, []),
        ("rows_missing", "order", 2, gone, []),
        ("shown_twice", "user_activity", 1, [], ["e2"]),
    ]
    (note,) = [each for each in found.answer["findings"] if not each["is_gap"]]
    assert (note["finding"], note["count"]) == ("written_twice", 1)

    del published[ids[1]], published[ids[1 + COUNT]]
    write_archive(archive, published)
    (strange,) = [each for each in gaps(reconcile(plant, *with_files, "--json")) if each[0] == "not_archived"]
    assert strange == ("not_archived", "inventory", 1, [], ["e1"])

    archive.write_bytes(archive.read_bytes()[:-20])
    damaged = reconcile(plant, *with_files)
    assert (damaged.code, damaged.out) == (1, "")
    assert damaged.err.startswith(f"error: {archive} is cut off or damaged: ")

    wrong = reconcile(plant, since, "--quality_window_seconds=7")
    assert (wrong.code, wrong.out) == (2, "")
    assert wrong.err.startswith("error: --quality_window_seconds=7 does not hold whole windows of the ledger")
