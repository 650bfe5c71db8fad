"""Beam's own Pub/Sub read on the direct runner: slow, acknowledges early, and works."""

from __future__ import annotations

import pytest

from tests.endtoend.events import TABLES, messages
from tests.endtoend.plant import Plant


@pytest.mark.slow
def test_stock_read_fills_the_tables(plant: Plant) -> None:
    published = messages(36)
    bad = (b"not JSON", {"event_type": "order", "event_id": "bad"})
    process = plant.start("--runner=DirectRunner", stop_when_idle_seconds=None)
    plant.publish_all([*published, bad])

    def written() -> list[str]:
        return sorted(
            event_id
            for table in TABLES.values()
            for event_id in plant.warehouse.column(f"SELECT event_id FROM {table}_deduplicated")
        )

    process.wait_until(
        lambda: len(written()) >= len(published) and plant.warehouse.count("dead_letters") > 0, 90
    )
    process.terminate()
    process.must_succeed(timeout_seconds=60)
    assert written() == sorted(attributes["event_id"] for _, attributes in published)
    assert plant.warehouse.column("SELECT reason FROM dead_letters_deduplicated") == ["malformed_json"]
