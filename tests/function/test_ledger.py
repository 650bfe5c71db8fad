"""The ledger of the markers, in each of the stores they may lie in."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alert import STATES
from delivered import DELIVERED, LEASE_SECONDS, REFUSED, Claim, Ledger, MarkerStore, readable_key
from marker_stores import FolderStore, MemoryStore
from tests.function.aging import age
from tests.function.strict_bucket import StrictBucket


@pytest.fixture(params=["memory", "folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, strict_bucket: StrictBucket) -> MarkerStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "folder":
        return FolderStore(tmp_path / "markers")
    from bucket_store import BucketStore

    return BucketStore("state", "alerting")


def claim_of(ledger: Ledger, alert_id: str = "a", state: str = "open", channel: str = "slack") -> Claim:
    claim = ledger.claim(ledger.read(alert_id, channel), state)
    assert claim is not None
    return claim


def test_claim_is_given_once_and_settles(store: MarkerStore) -> None:
    ledger = Ledger(store)
    before = ledger.read("a", "slack")
    claim = claim_of(ledger)
    assert ledger.claim(before, "open") is None
    assert ledger.claim(before, "resolved") is None
    assert ledger.read("a", "slack").is_busy
    assert not ledger.read("a", "slack").is_settled("open")
    assert ledger.settle(claim, DELIVERED) is True
    after = ledger.read("a", "slack")
    assert (after.is_busy, after.is_settled("open"), after.was_told("open")) == (False, True, True)
    assert (after.is_settled("resolved"), after.was_told("resolved")) == (False, False)


def test_alerts_and_channels_are_claimed_apart(store: MarkerStore) -> None:
    ledger = Ledger(store)
    for alert_id, channel in (("a", "slack"), ("b", "slack"), ("a", "file")):
        claim_of(ledger, alert_id, channel=channel)


def test_states_of_an_alert_take_turns_and_are_all_remembered(store: MarkerStore) -> None:
    ledger = Ledger(store)
    for state, end in (("ongoing", DELIVERED), ("open", REFUSED), ("resolved", DELIVERED)):
        claim = claim_of(ledger, state=state)
        assert ledger.read("a", "slack").is_busy
        assert ledger.settle(claim, end) is True
    record = ledger.read("a", "slack")
    assert [record.is_settled(state) for state in STATES] == [True, True, True]
    assert [record.was_told(state) for state in STATES] == [False, True, True]


def test_released_claim_can_be_claimed_at_once(store: MarkerStore) -> None:
    ledger = Ledger(store)
    ledger.release(claim_of(ledger))
    ledger.settle(claim_of(ledger), DELIVERED)
    ledger.release(claim_of(ledger, state="resolved"))
    record = ledger.read("a", "slack")
    assert (record.is_busy, record.was_told("open"), record.was_told("resolved")) == (False, True, False)
    claim_of(ledger, state="resolved")


def test_state_that_is_passed_over_is_settled_and_not_told(store: MarkerStore) -> None:
    ledger = Ledger(store)
    before = ledger.read("a", "slack")
    assert ledger.pass_over(before, "resolved") is True
    record = ledger.read("a", "slack")
    assert (record.is_settled("resolved"), record.was_told("resolved")) == (True, False)
    assert ledger.pass_over(before, "resolved") is False
    assert ledger.claim(before, "open") is None


def test_old_claim_is_taken_over_and_a_settled_state_never(store: MarkerStore) -> None:
    ledger = Ledger(store)
    first = claim_of(ledger)
    age(store, first.key, LEASE_SECONDS - 5)
    assert ledger.read("a", "slack").is_busy
    age(store, first.key, LEASE_SECONDS + 1)
    stale = ledger.read("a", "slack")
    assert (stale.is_busy, stale.is_settled("open"), stale.was_told("open")) == (False, False, True)
    assert ledger.settle(claim_of(ledger), DELIVERED) is True
    assert ledger.read("a", "slack").is_settled("open")


def test_claim_from_a_clock_that_was_set_back_does_not_last_for_ever(store: MarkerStore) -> None:
    ledger = Ledger(store)
    age(store, claim_of(ledger).key, -LEASE_SECONDS - 1)
    assert not ledger.read("a", "slack").is_busy


def test_instance_that_lost_its_claim_changes_nothing(store: MarkerStore) -> None:
    ledger = Ledger(store)
    slow = claim_of(ledger)
    age(store, slow.key, LEASE_SECONDS + 1)
    taker = claim_of(ledger)
    assert ledger.settle(slow, DELIVERED) is False
    ledger.release(slow)
    assert ledger.read("a", "slack").is_busy
    assert ledger.settle(taker, DELIVERED) is True


@pytest.mark.parametrize("is_takeover", [False, True], ids=["new", "takeover"])
def test_of_many_that_claim_at_once_one_gets_it(store: MarkerStore, is_takeover: bool) -> None:
    ledger = Ledger(store)
    for turn in range(5):
        alert_id = f"alert-{turn}"
        if is_takeover:
            age(store, claim_of(ledger, alert_id).key, LEASE_SECONDS + 1)
        together = threading.Barrier(8)

        def claim(
            number: int, alert_id: str = alert_id, together: threading.Barrier = together
        ) -> Claim | None:
            record = ledger.read(alert_id, "slack")
            together.wait()
            return ledger.claim(record, STATES[number % 3])

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(claim, range(8)))
        assert sum(isinstance(result, Claim) for result in results) == 1


def test_memory_keeps_the_newest_ten_thousand_markers() -> None:
    ledger = Ledger(MemoryStore())
    for number in range(10_001):
        ledger.settle(claim_of(ledger, str(number)), DELIVERED)
    assert ledger.read("0", "slack").was_told("open") is False
    assert ledger.read("1", "slack").was_told("open") is True


def test_marker_keys_differ_and_are_names_of_files() -> None:
    ids = ["a", "A", "a/b", "a%2Fb", "..", "", "x" * 5_000, "x" * 4_999 + "y", "größe", "a.slack"]
    keys = [readable_key(alert_id, "slack") for alert_id in ids]
    assert len(set(keys)) == len(ids)
    assert all("/" not in key and len(key.encode()) <= 255 for key in keys)
