"""A message is acknowledged after the sinks have written, and never before."""

from __future__ import annotations

import threading

import pytest

from local.child import free_ports
from tests.endtoend.events import TABLES, Message, messages
from tests.endtoend.plant import ACK_DEADLINE_SECONDS, Plant

BAD: Message = (b"not JSON", {"event_type": "order", "event_id": "bad"})


def event_ids(plant: Plant, suffix: str = "") -> list[str]:
    """The event ids in all event tables, or in their views."""
    return sorted(
        event_id
        for table in TABLES.values()
        for event_id in plant.warehouse.column(f"SELECT event_id FROM {table}{suffix}")
    )


@pytest.mark.slow
def test_nothing_is_lost_when_bigquery_is_away_and_then_the_pipeline_is_killed(plant: Plant) -> None:
    published = messages(60)
    ids = sorted(attributes["event_id"] for _, attributes in published)
    plant.publish_all([*published, BAD])

    (closed_port,) = free_ports(1)
    without_bigquery = plant.start(
        bigquery_max_retry_seconds=0.5,
        variables={"BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{closed_port}"},
    )
    assert without_bigquery.wait() == 1
    assert without_bigquery.last_line.startswith("error: BigQuery has not taken the rows for local-shop.")
    assert "nothing is acknowledged, they will come again." in without_bigquery.last_line
    assert event_ids(plant) == []

    # Its files are never due, so no message is finished, though all rows are in their tables.
    killed = plant.start(lake_window_seconds=600, stop_when_idle_seconds=60)
    killed.wait_until(lambda: len(event_ids(plant)) == len(ids))
    killed.kill()
    assert plant.lake_rows("order") == []

    last = plant.run(stop_when_idle_seconds=ACK_DEADLINE_SECONDS + 1)
    # The bad message has its dead letter and nothing more to wait for: the killed run may have finished it.
    assert last.stats()["messages_read"] in (len(ids), len(ids) + 1)
    assert event_ids(plant, "_deduplicated") == ids
    assert event_ids(plant) == sorted(
        ids * 2
    )  # the emulator ignores insert ids, by which BigQuery would know
    assert plant.warehouse.column("SELECT reason FROM dead_letters_deduplicated") == ["malformed_json"]
    in_lake = [row["event_id"] for event_type in TABLES for row in plant.lake_rows(event_type)]
    assert sorted(in_lake) == ids
    assert plant.pull_all(plant.subscription) == {}


@pytest.mark.slow
def test_sigterm_finishes_what_was_read_and_leaves_the_rest(plant: Plant) -> None:
    published: list[str] = []
    stop = threading.Event()

    def publish_on() -> None:
        while not stop.wait(0.02):
            batch = messages(3, prefix=f"e{len(published)}-")
            plant.publish_all(batch)
            published.extend(attributes["event_id"] for _, attributes in batch)

    publisher = threading.Thread(target=publish_on)
    publisher.start()
    try:
        process = plant.start(lake_window_seconds=30, stop_when_idle_seconds=None)
        process.wait_until(lambda: len(event_ids(plant)) > 50)
        process.terminate()
        process.must_succeed(timeout_seconds=30)
    finally:
        stop.set()
        publisher.join()

    stats = process.stats()
    assert stats["messages_finished"] == stats["messages_read"] > 50
    written = event_ids(plant)
    assert len(written) == stats["messages_read"]
    left = [found.attributes["event_id"] for found in plant.left_after_the_ack_deadline().values()]
    assert sorted(written + left) == sorted(published)
    assert left, "everything was read before the signal: the test shows nothing"
    in_lake = [row["event_id"] for event_type in TABLES for row in plant.lake_rows(event_type)]
    assert sorted(in_lake) == written
    assert plant.warehouse.ledger()["accepted"] == len(written)
