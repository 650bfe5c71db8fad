"""Events that keep the contract and that BigQuery refuses all the same."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bigquery.stub_server import StubBigQuery
from tests.endtoend.events import TABLES, messages
from tests.endtoend.plant import Plant

COUNT = 90
REFUSED = 33  # an order
MAX_IN_FLIGHT = 40


@pytest.fixture
def stub() -> Iterator[StubBigQuery]:
    server = StubBigQuery()
    yield server
    server.close()


def rows_of(stub: StubBigQuery, table: str) -> list[dict[str, Any]]:
    return [row["json"] for request in stub.requests if request.table == table for row in request.rows]


@pytest.mark.slow
def test_event_that_bigquery_refuses_is_a_dead_letter_and_counts_as_rejected(
    plant: Plant, stub: StubBigQuery
) -> None:
    published = messages(COUNT)
    refused_id = f"e{REFUSED}"
    stub.bad_rows[refused_id] = [
        {
            "reason": "invalid",
            "location": "items[0].quantity",
            "message": "Cannot convert value to integer (bad value): canary",
        }
    ]
    message_ids = plant.publish_all(published)

    process = plant.start(
        variables={"BIGQUERY_EMULATOR_HOST": stub.url}, max_in_flight=MAX_IN_FLIGHT, lake_window_seconds=3
    )
    process.must_succeed()

    (letter,) = rows_of(stub, "dead_letters")
    assert (letter["stage"], letter["reason"]) == ("bigquery", "refused_by_bigquery")
    said = "Cannot convert value to integer (bad value)"
    assert letter["errors"] == [{"path": "/items/0/quantity", "rule": "invalid", "message": said}]
    assert "canary" not in process.said
    assert letter["message_id"] == message_ids[REFUSED]
    assert base64.b64decode(letter["payload"]) == published[REFUSED][0]
    (on_topic,) = plant.pull_all(plant.dlq_subscription).values()
    assert on_topic.data == published[REFUSED][0]
    assert "canary" not in str(on_topic.attributes)
    assert (on_topic.attributes["stage"], on_topic.attributes["original_event_id"]) == (
        "bigquery",
        refused_id,
    )

    stored = [insert_id for table, insert_id in stub.stored if table in TABLES.values()]
    assert sorted(stored) == sorted(f"e{n}" for n in range(COUNT) if n != REFUSED)
    in_lake = [row["event_id"] for event_type in TABLES for row in plant.lake_rows(event_type)]
    assert sorted(in_lake) == sorted(stored)

    last_panes: dict[Any, dict[str, Any]] = {}
    for row in sorted(rows_of(stub, "data_quality_metrics"), key=lambda row: row["pane_index"]):
        last_panes[row["window_start"], row["event_type"]] = row
    totals = {
        word: sum(row[word] for row in last_panes.values())
        for word in ("received", "accepted", "duplicates", "rejected")
    }
    assert totals == {"received": COUNT, "accepted": COUNT - 1, "duplicates": 0, "rejected": 1}
    # With fewer in flight than there are messages, waiting for room is not being idle.
    stats = process.stats()
    assert (stats["messages_read"], stats["messages_finished"]) == (COUNT, COUNT)
