"""Claims that are older than the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from delivered import MarkerStore


def age(store: MarkerStore, key: str, seconds: float) -> None:
    """Make a claim as old as that."""
    found = store.get(key)
    assert found is not None
    claimed_at = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    assert store.put(key, {**found.marker, "claimed_at": claimed_at}, found.version)
