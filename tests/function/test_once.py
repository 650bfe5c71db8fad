"""One delivery for each alert_id, state and channel, whatever crashes and however many instances run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from delivered import DELIVERED, LEASE_SECONDS, Claim, Ledger, MarkerStore, Standing, marker_key
from marker_stores import FolderStore, MemoryStore
from tests.function.conftest import WEBHOOK_PATH, StartFunction
from tests.function.function_process import free_port, listens
from tests.function.recording_server import Answer, RecordingServer
from tests.function.strict_bucket import StrictBucket

Alert = dict[str, Any]


@pytest.fixture
def strict_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictBucket]:
    bucket = StrictBucket()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.url)
    yield bucket
    bucket.close()


@pytest.fixture(params=["memory", "folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, strict_bucket: StrictBucket) -> MarkerStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "folder":
        return FolderStore(tmp_path / "markers")
    from bucket_store import BucketStore

    return BucketStore("state", "alerting")


@pytest.fixture(params=["folder", "bucket"])
def shared_state(
    request: pytest.FixtureRequest, tmp_path: Path, strict_bucket: StrictBucket
) -> dict[str, str]:
    """The environment of instances that share their markers."""
    if request.param == "folder":
        return {"ALERT_STATE": str(tmp_path / "markers")}
    return {"ALERT_STATE": "gs://state/alerting", "STORAGE_EMULATOR_HOST": strict_bucket.url}


def webhook(target: RecordingServer) -> dict[str, str]:
    return {"ALERT_CHANNELS": "webhook", "WEBHOOK_URL": target.url + WEBHOOK_PATH}


def claim_of(ledger: Ledger, alert_id: str = "a", state: str = "open", channel: str = "slack") -> Claim:
    claim = ledger.claim(alert_id, state, channel)
    assert isinstance(claim, Claim)
    return claim


def age(store: MarkerStore, claim: Claim, seconds: float) -> None:
    """Make a claim as old as that."""
    found = store.get(claim.key)
    assert found is not None
    claimed_at = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    assert store.put(claim.key, {**found.marker, "claimed_at": claimed_at}, found.version)


def test_claim_is_given_once_and_settles(store: MarkerStore) -> None:
    ledger = Ledger(store)
    claim = claim_of(ledger)
    assert ledger.claim("a", "open", "slack") is Standing.BUSY
    assert ledger.was_delivered("a", "open", "slack") is False
    assert ledger.settle(claim, DELIVERED) is True
    assert ledger.claim("a", "open", "slack") is Standing.SETTLED
    assert ledger.was_delivered("a", "open", "slack") is True


def test_id_state_and_channel_are_claimed_apart(store: MarkerStore) -> None:
    ledger = Ledger(store)
    for alert_id, state, channel in (
        *(("a", "open", "slack"), ("b", "open", "slack")),
        *(("a", "resolved", "slack"), ("a", "open", "file")),
    ):
        claim_of(ledger, alert_id, state, channel)


def test_released_claim_can_be_claimed_at_once(store: MarkerStore) -> None:
    ledger = Ledger(store)
    ledger.release(claim_of(ledger))
    claim_of(ledger)


def test_old_claim_is_taken_over_and_a_settled_marker_never(store: MarkerStore) -> None:
    ledger = Ledger(store)
    first = claim_of(ledger)
    age(store, first, LEASE_SECONDS - 5)
    assert ledger.claim("a", "open", "slack") is Standing.BUSY
    age(store, first, LEASE_SECONDS + 1)
    second = claim_of(ledger)
    assert ledger.settle(second, DELIVERED) is True
    age(store, second, 10 * LEASE_SECONDS)
    assert ledger.claim("a", "open", "slack") is Standing.SETTLED


def test_instance_that_lost_its_claim_changes_nothing(store: MarkerStore) -> None:
    ledger = Ledger(store)
    slow = claim_of(ledger)
    age(store, slow, LEASE_SECONDS + 1)
    taker = claim_of(ledger)
    assert ledger.settle(slow, DELIVERED) is False
    ledger.release(slow)
    assert ledger.claim("a", "open", "slack") is Standing.BUSY
    assert ledger.settle(taker, DELIVERED) is True


@pytest.mark.parametrize("is_takeover", [False, True], ids=["new", "takeover"])
def test_of_many_that_claim_at_once_one_gets_it(store: MarkerStore, is_takeover: bool) -> None:
    ledger = Ledger(store)
    for turn in range(5):
        alert_id = f"alert-{turn}"
        if is_takeover:
            age(store, claim_of(ledger, alert_id), LEASE_SECONDS + 1)
        together = threading.Barrier(8)

        def claim(
            _: int, alert_id: str = alert_id, together: threading.Barrier = together
        ) -> Claim | Standing:
            together.wait()
            return ledger.claim(alert_id, "open", "slack")

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(claim, range(8)))
        assert sum(isinstance(result, Claim) for result in results) == 1
        assert results.count(Standing.BUSY) == 7


def test_memory_keeps_the_newest_ten_thousand_markers() -> None:
    ledger = Ledger(MemoryStore())
    for number in range(10_001):
        ledger.settle(claim_of(ledger, str(number)), DELIVERED)
    assert ledger.was_delivered("0", "open", "slack") is False
    assert ledger.was_delivered("1", "open", "slack") is True


def test_marker_keys_differ_and_are_names_of_files() -> None:
    ids = ["a", "A", "a/b", "a%2Fb", "..", "", "x" * 5_000, "x" * 4_999 + "y", "größe", "a.open"]
    keys = [marker_key(alert_id, "open", "slack") for alert_id in ids]
    assert len(set(keys)) == len(ids)
    assert all("/" not in key and len(key.encode()) <= 255 for key in keys)


def test_two_instances_with_the_same_message_deliver_it_once(
    start_function: StartFunction, target: RecordingServer, shared_state: dict[str, str], alert: Alert
) -> None:
    instances = [start_function(**webhook(target), **shared_state) for _ in range(2)]
    go_on = threading.Event()
    target.answers[WEBHOOK_PATH].append(Answer(wait_for=go_on))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(instances[0].push, alert)
        target.wait_for_requests(1)
        # The second may not acknowledge either: the first may yet fail.
        assert instances[1].push(alert).status_code == 500
        go_on.set()
        assert first.result().status_code == 200
    assert instances[1].push(alert).status_code == 200
    assert len(target.requests) == 1


def test_two_instances_at_the_same_moment_deliver_each_message_once(
    start_function: StartFunction, target: RecordingServer, shared_state: dict[str, str], alert: Alert
) -> None:
    instances = [start_function(**webhook(target), **shared_state) for _ in range(2)]
    alerts = [{**alert, "alert_id": f"{alert['alert_id']}-{number}"} for number in range(10)]
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(instance.push, each) for each in alerts for instance in (*instances, *instances)]
        statuses = {answer.result().status_code for answer in sent}
    assert statuses <= {200, 500}
    assert sorted(request.json()["alert_id"] for request in target.requests) == sorted(
        each["alert_id"] for each in alerts
    )


def test_alert_of_an_instance_that_died_is_delivered_when_its_lease_is_over(
    start_function: StartFunction, target: RecordingServer, tmp_path: Path, alert: Alert
) -> None:
    state = {"ALERT_STATE": str(tmp_path / "markers")}
    dying = start_function(**webhook(target), **state)
    never = threading.Event()
    target.answers[WEBHOOK_PATH].append(Answer(wait_for=never))
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(dying.push, alert)
        target.wait_for_requests(1)
        dying.kill()
        assert isinstance(lost.exception(), requests.ConnectionError)
    never.set()

    successor = start_function(**webhook(target), **state)
    assert successor.push(alert).status_code == 500
    assert len(target.requests) == 1
    store = FolderStore(tmp_path / "markers")
    key = marker_key(alert["alert_id"], "open", "webhook")
    age(store, Claim(key, {}, 0), LEASE_SECONDS + 1)
    assert successor.push(alert).status_code == 200
    assert successor.push(alert).status_code == 200
    assert len(target.requests) == 2


def test_later_instance_remembers_what_was_delivered(
    start_function: StartFunction, target: RecordingServer, shared_state: dict[str, str], alert: Alert
) -> None:
    for _ in range(2):
        instance = start_function(**webhook(target), **shared_state)
        assert instance.push(alert).status_code == 200
        instance.kill()
    assert len(target.requests) == 1


def test_without_a_state_a_later_instance_delivers_again(
    start_function: StartFunction, target: RecordingServer, alert: Alert
) -> None:
    for _ in range(2):
        instance = start_function(**webhook(target))
        assert instance.push(alert).status_code == 200
        instance.kill()
    assert len(target.requests) == 2


def test_ledger_that_does_not_answer_is_tried_again(
    start_function: StartFunction, target: RecordingServer, strict_bucket: StrictBucket, alert: Alert
) -> None:
    function = start_function(
        **webhook(target), ALERT_STATE="gs://state", STORAGE_EMULATOR_HOST=strict_bucket.url
    )
    strict_bucket.is_down = True
    assert function.push(alert).status_code == 500
    assert len(function.lines(severity="ERROR", channel="webhook")) == 1
    assert target.requests == []
    strict_bucket.is_down = False
    assert function.push(alert).status_code == 200
    assert len(target.requests) == 1


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gcp_storage_emulator", "start", "--quiet", "--in-memory"),
            *("--host", "127.0.0.1", "--port", str(port), "--default-bucket", "state"),
        ],
        cwd=tmp_path,
        env=dict(os.environ),
    )
    while not listens(port):
        assert process.poll() is None
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_markers_lie_in_the_bucket_of_the_emulator(
    start_function: StartFunction, target: RecordingServer, emulator: str, alert: Alert
) -> None:
    for _ in range(2):
        instance = start_function(
            **webhook(target), ALERT_STATE="gs://state/alerting/", STORAGE_EMULATOR_HOST=emulator
        )
        assert instance.push(alert).status_code == 200
        instance.kill()
    assert len(target.requests) == 1
    objects = requests.get(f"{emulator}/storage/v1/b/state/o", timeout=5).json()["items"]
    assert [item["name"] for item in objects] == [f"alerting/{alert['alert_id']}.open.webhook"]
    content = requests.get(objects[0]["mediaLink"], timeout=5).json()
    assert {**content, "claim_id": "", "claimed_at": "", "settled_at": ""} == {
        **{"alert_id": alert["alert_id"], "state": "open", "channel": "webhook", "status": "delivered"},
        **{"claim_id": "", "claimed_at": "", "settled_at": ""},
    }
