"""A new version of the contract is rolled out under a stream of all versions: each event lands once."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from pipeline.contract import CONTRACT_PATH, load_contract
from pipeline.schemas.__main__ import APPLY, DEPLOY, PRODUCE, main
from tests.endtoend.events import Message, event, message
from tests.endtoend.plant import Plant
from tests.replay.command import FROM_TABLE, replay

CHANNEL = {"name": "channel", "type": "STRING", "mode": "NULLABLE", "description": "Where it was done."}
PAUSE_SECONDS = 0.1


def flat(**details: object) -> dict[str, object]:
    """An event of now as versions 1 and 2 had it."""
    now = event("user_activity")["timestamp"]
    return {"user_id": "u-1", "event_type": "login", "event_time": now, **details}


def round_of(number: int) -> list[Message]:
    """What producers of four versions, and one that says no version, send at one time."""
    sent = {"1": flat(price=1.5), "2": flat(session_id="s-1"), "3": event("user_activity")}
    sent["4"] = event("user_activity", channel="app")
    return [
        *(
            (
                json.dumps(body).encode(),
                {
                    "event_type": "user_activity",
                    "event_id": f"v{version}-{number}",
                    "schema_version": version,
                },
            )
            for version, body in sent.items()
        ),
        message("user_activity", f"v-{number}"),
    ]


class Producers:
    """Publish round after round, until they are stopped."""

    def __init__(self, plant: Plant) -> None:
        self.rounds = 0
        self._plant = plant
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)

    def __enter__(self) -> Producers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _publish(self) -> None:
        while not self._stopped.is_set():
            self._plant.publish_all(round_of(self.rounds))
            self.rounds += 1
            time.sleep(PAUSE_SECONDS)

    def event_ids(self) -> list[str]:
        """Of all events that were published, in order."""
        versions = ("v1", "v2", "v3", "v4", "v")
        return sorted(f"{version}-{number}" for version in versions for number in range(self.rounds))


def newer_contract(folder: Path) -> Path:
    """The contract with a NULLABLE column more, as version 4."""
    content = json.loads(CONTRACT_PATH.read_bytes())
    table = content["tables"]["user_activity"]
    table["schema_version"] = 4
    table["columns"].insert(4, CHANNEL)
    path = folder / "schemas.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.slow
def test_a_version_is_rolled_out_under_load_and_what_came_too_early_lands_after_a_replay(
    plant: Plant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer, warehouse = newer_contract(tmp_path), plant.warehouse
    assert main(["check", str(CONTRACT_PATH), str(newer)]) == 0
    steps = [f"{number}. {step}." for number, step in enumerate((APPLY, DEPLOY, PRODUCE), 1)]
    assert capsys.readouterr().out.splitlines()[-3:] == steps

    old = plant.start(stop_when_idle_seconds=None)
    with Producers(plant) as producers:
        old.wait_until(lambda: warehouse.count("user_activity") > 0 and warehouse.count("dead_letters") > 0)
        warehouse.apply(load_contract(newer))
        before = warehouse.count("user_activity")
        old.wait_until(lambda: warehouse.count("user_activity") > before)
        old.terminate()
        old.must_succeed()
        letters = warehouse.ask("SELECT reason, event_type FROM dead_letters")
        new = plant.start(schemas_path=newer, stop_when_idle_seconds=3)
        new.wait_until(lambda: warehouse.count("user_activity WHERE channel = 'app'") > 0)
        replayed = replay(plant, FROM_TABLE, f"--schemas_path={newer}", "--wait_seconds=20")
    new.must_succeed()

    assert {tuple(letter.values()) for letter in letters} == {("unsupported_schema_version", "user_activity")}
    assert replayed.code == 0, replayed.err
    assert f"landed {len(letters)}".split() in [line.split() for line in replayed.out.splitlines()]
    for table in ("user_activity", "user_activity_deduplicated"):
        assert sorted(warehouse.column(f"SELECT event_id FROM {table}")) == producers.event_ids()
    rows = warehouse.ask(
        "SELECT schema_version, channel, activity_type, metadata.price AS price, COUNT(*) AS number "
        "FROM user_activity WHERE event_id NOT LIKE 'v-%' GROUP BY ALL ORDER BY schema_version"
    )
    assert [tuple(row.values()) for row in rows] == [
        (1, None, "login", 1.5, producers.rounds),
        (2, None, "login", None, producers.rounds),
        (3, None, "view_product", 3.0, producers.rounds),
        (4, "app", "view_product", 3.0, producers.rounds),
    ]
    assert {row["schema_version"] for row in warehouse.ask(UNSAID)} == {3, 4}
    published = 5 * producers.rounds
    assert warehouse.ledger() == {
        "received": published + len(letters),
        "accepted": published,
        "duplicates": 0,
        "rejected": len(letters),
        "late": 0,
    }
    assert warehouse.count("dead_letters_open") == 0


UNSAID = "SELECT DISTINCT schema_version FROM user_activity WHERE event_id LIKE 'v-%'"
