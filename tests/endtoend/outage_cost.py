"""What an outage of BigQuery costs under each policy.

    python -m tests.endtoend.outage_cost --rate=60 --outage_seconds=20

publishes at a steady rate to a pipeline on a laptop stack of its own, closes the way to BigQuery for a while,
and prints a line for each policy: requests tried in vain; how long after the outage each table was written
again, and how long until nothing was left to do; dead letters, and how long their replay took.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from local.stack import LISTENING_PARTS, Stack
from tests.endtoend.events import TABLES, messages
from tests.endtoend.gate import Gate
from tests.endtoend.plant import Plant
from tests.replay.command import FROM_SUBSCRIPTION, replay

BEFORE_SECONDS, AFTER_SECONDS = 10.0, 10.0
PATIENCE_SECONDS = 120.0


def main() -> None:
    """Run both policies one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--outage_seconds", type=float, default=20.0)
    parser.add_argument("--pause_seconds", type=float, default=30.0, help="--outage_pause_seconds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), parts=LISTENING_PARTS) as stack:
        for policy, flags in (
            ("wait", {}),
            ("dead_letter", {"outage_pause_seconds": arguments.pause_seconds}),
        ):
            measure(Plant(stack), policy, arguments.rate, arguments.outage_seconds, flags)


def measure(plant: Plant, policy: str, rate: float, outage_seconds: float, flags: dict[str, float]) -> None:
    """Run one policy and print its line."""
    gate = Gate(plant.stack.service("bigquery").address)
    process = plant.start(
        variables={"BIGQUERY_EMULATOR_HOST": gate.url},
        on_sink_outage=policy,
        stop_when_idle_seconds=None,
        **flags,
    )
    process.wait_until(lambda: "reading projects/" in process.said)
    try:
        with _publishing(plant, rate) as published:
            time.sleep(BEFORE_SECONDS)
            gate.is_open = False
            time.sleep(outage_seconds)
            gate.is_open, ended, at_end = True, time.monotonic(), len(published)
            tried = gate.turned_away
            # An event of each table published after the end tells that the table is written again.
            process.wait_until(lambda: _is_written_again(plant, published[at_end:]), PATIENCE_SECONDS)
            recovered_seconds = time.monotonic() - ended
            time.sleep(AFTER_SECONDS)
        process.wait_until(lambda: _rows(plant) + _letters(plant) >= len(published), PATIENCE_SECONDS)
        drained_seconds = time.monotonic() - ended
        letters, begun = _letters(plant), time.monotonic()
        if letters:
            replay(plant, FROM_SUBSCRIPTION, "--idle_seconds=1")
            process.wait_until(lambda: _rows(plant) >= len(published), PATIENCE_SECONDS)
        replay_seconds = time.monotonic() - begun if letters else 0.0
        process.terminate()
        process.must_succeed()
        once = len(set(_event_ids(plant))) == len(_event_ids(plant)) == len(published)
        print(
            f"{policy:12} {len(published):6,} published  {tried:4} requests in vain  "
            f"{recovered_seconds:6.1f} s to the first row  {drained_seconds:6.1f} s to the last  "
            f"{letters:6,} dead letters  {replay_seconds:6.1f} s to replay  each once: {once}",
            flush=True,
        )
    finally:
        process.kill()
        gate.close()


@contextlib.contextmanager
def _publishing(plant: Plant, rate: float) -> Iterator[list[str]]:
    """Publish in the background, ten times a second; the list grows with the ids of the events."""
    published: list[str] = []
    stop = threading.Event()

    def publish_on() -> None:
        begun = time.monotonic()
        while not stop.wait(0.1):
            due = round((time.monotonic() - begun) * rate) - len(published)
            if due > 0:
                batch = messages(due, prefix=f"e{len(published)}-")
                plant.publish_all(batch)
                published.extend(attributes["event_id"] for _, attributes in batch)

    thread = threading.Thread(target=publish_on)
    thread.start()
    try:
        yield published
    finally:
        stop.set()
        thread.join()


def _event_ids(plant: Plant) -> list[str]:
    return [
        each for table in TABLES.values() for each in plant.warehouse.column(f"SELECT event_id FROM {table}")
    ]


def _rows(plant: Plant) -> int:
    return sum(plant.warehouse.count(table) for table in TABLES.values())


def _letters(plant: Plant) -> int:
    return plant.own_rows("dead_letters").count(b"\n") + plant.warehouse.count("dead_letters")


def _is_written_again(plant: Plant, published: list[str]) -> bool:
    fresh = set(published)
    return all(
        fresh.intersection(plant.warehouse.column(f"SELECT event_id FROM {table}"))
        for table in TABLES.values()
    )


if __name__ == "__main__":
    main()
