"""One delivery for each alert_id, state and channel, whatever crashes and however many instances run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from delivered import DELIVERED, LEASE_SECONDS, Claim, Ledger, Stored, readable_key
from marker_stores import FolderStore
from tests.function.aging import age
from tests.function.conftest import WEBHOOK_PATH, StartFunction
from tests.function.function_process import free_port, listens
from tests.function.instance import Instance, Least
from tests.function.recording_server import Answer, RecordingServer
from tests.function.strict_bucket import StrictBucket

Alert = dict[str, Any]


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
    age(store, readable_key(alert["alert_id"], "webhook"), LEASE_SECONDS + 1)
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
    assert [item["name"] for item in objects] == [f"alerting/{alert['alert_id']}.webhook"]
    content = requests.get(objects[0]["mediaLink"], timeout=5).json()
    assert content.pop("open_at").endswith("+00:00")
    assert content == {"alert_id": alert["alert_id"], "channel": "webhook", "open": "delivered"}


class BusyFolder(FolderStore):
    """A folder that counts what is written, and in which another instance acts between a read and a write."""

    writes = 0
    meanwhile: Callable[[], object] | None = None

    def get(self, key: str) -> Stored | None:
        found = super().get(key)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return found

    def put(self, key: str, marker: dict[str, str], version: int) -> int | None:
        self.writes += 1
        return super().put(key, marker, version)


def test_nothing_is_claimed_while_a_channel_is_left_alone(
    target: RecordingServer, tmp_path: Path, alert: Alert
) -> None:
    store = BusyFolder(tmp_path / "markers")
    instance = Instance(target.url, tmp_path, store, {"webhook": Least()})
    target.answers[WEBHOOK_PATH].extend([Answer(status=500)] * 5)
    assert not instance.push(alert)
    assert not instance.push(alert)
    writes = store.writes
    assert not instance.push(alert)
    assert (store.writes, len(target.requests)) == (writes, 5)


def test_end_that_is_not_told_waits_for_a_beginning_that_is_on_its_way(
    target: RecordingServer, tmp_path: Path, alert: Alert
) -> None:
    store = BusyFolder(tmp_path / "markers")
    instance = Instance(target.url, tmp_path, store, {"pagerduty": Least(severity="error")})
    other = Ledger(FolderStore(tmp_path / "markers"))
    claims: list[Claim | None] = []
    store.meanwhile = lambda: claims.append(other.claim(other.read(alert["alert_id"], "pagerduty"), "open"))
    mild_end = {**alert, "state": "resolved", "severity": "info"}
    assert not instance.push(mild_end)
    (claim,) = claims
    assert claim is not None
    assert not instance.push(mild_end)
    other.settle(claim, DELIVERED)
    assert instance.push(mild_end)
    assert [sent.json()["event_action"] for sent in target.requests] == ["resolve"]
