from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.cloud import pubsub_v1

from pipeline.contract import Contract
from pipeline.elements import RawMessage
from pipeline.errors import Rejected
from pipeline.parse import Parser

TOPIC, SUBSCRIPTION = "projects/shop/topics/raw", "projects/shop/subscriptions/raw"


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """The embedded Pub/Sub server in a process of its own, with a topic and a subscription."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "local.pubsub_server", "--port", str(port)])
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"localhost:{port}")
    wait_for_port(port, server)
    pubsub_v1.PublisherClient().create_topic(name=TOPIC)
    pubsub_v1.SubscriberClient().create_subscription(name=SUBSCRIPTION, topic=TOPIC, ack_deadline_seconds=60)
    yield server
    server.terminate()
    server.wait(timeout=20)


def wait_for_port(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the Pub/Sub server does not start")


def generator(folder: Path, *flags: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "generator", "--to=pubsub", f"--topic={TOPIC}", *flags]
    outputs = [f"--manifest={folder / 'manifest.json'}", f"--labels={folder / 'labels.jsonl'}"]
    return subprocess.Popen([*command, *outputs], stderr=subprocess.PIPE, env=dict(os.environ))


def pull_all(count: int) -> list[RawMessage]:
    """Pull until `count` messages are here, and once more to see that there are no others."""
    subscriber = pubsub_v1.SubscriberClient()
    pulled: list[RawMessage] = []
    while True:
        complete = len(pulled) >= count
        request = {"subscription": SUBSCRIPTION, "max_messages": 1000}
        try:
            response = subscriber.pull(request=request, timeout=2 if complete else 20, retry=None)
        except DeadlineExceeded:
            assert complete, f"only {len(pulled)} of {count} messages arrived"
            return pulled
        for received in response.received_messages:
            message = received.message
            publish_us = int(message.publish_time.timestamp() * 1_000_000)
            attributes = dict(message.attributes)
            pulled.append(RawMessage(message.data, attributes, message.message_id, publish_us))
        ack_ids = [received.ack_id for received in response.received_messages]
        if ack_ids:
            subscriber.acknowledge(request={"subscription": SUBSCRIPTION, "ack_ids": ack_ids})
        elif complete:
            return pulled


def judged(messages: list[RawMessage], contract: Contract) -> dict[str, Any]:
    """Count what the pipeline would make of the messages, in the manifest's words."""
    parser = Parser(contract)
    reasons: Counter[str] = Counter()
    events, late = Counter[tuple[str, str]](), 0
    for message in messages:
        try:
            event = parser.parse(message, message.publish_time_us or 0)
        except Rejected as rejected:
            reasons[rejected.reason] += 1
        else:
            late += event.is_late and not events[event.event_type, event.event_id]
            events[event.event_type, event.event_id] += 1
    return {
        "published": len(messages),
        "valid": len(events),
        "malformed": reasons.total(),
        "duplicates": events.total() - len(events),
        "late": late,
        "malformed_by_reason": dict(reasons),
    }


@pytest.mark.usefixtures("emulator")
def test_what_arrives_is_what_the_manifest_says(tmp_path: Path, contract: Contract) -> None:
    flags = (
        "--rate=2000",
        "--seconds=6",
        "--malformed_share=0.1",
        "--duplicate_share=0.05",
        "--late_share=0.05",
    )
    process = generator(tmp_path, *flags)
    assert process.wait(timeout=60) == 0
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert 11_000 < manifest["published"] < 13_000
    assert manifest["failed"] == 0
    seen = judged(pull_all(manifest["published"]), contract)
    assert seen == {word: manifest[word] for word in seen}


@pytest.mark.usefixtures("emulator")
def test_the_last_message_is_published_before_it_ends(tmp_path: Path) -> None:
    process = generator(tmp_path, "--rate=5000", "--events=3000")
    assert process.wait(timeout=60) == 0
    assert json.loads((tmp_path / "manifest.json").read_bytes())["published"] == 3_000
    assert len(pull_all(3_000)) == 3_000


@pytest.mark.usefixtures("emulator")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_flushes_and_writes_manifest_and_labels(number: int, tmp_path: Path) -> None:
    process = generator(tmp_path, "--rate=500", "--seconds=600", "--incident=order_spike@1s+300s")
    subscriber = pubsub_v1.SubscriberClient()
    first = subscriber.pull(request={"subscription": SUBSCRIPTION, "max_messages": 1}, timeout=30)
    assert first.received_messages
    time.sleep(2)  # so that the incident begins
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert manifest["interrupted"] is True
    assert f"interrupted after {manifest['published']:,} messages" in said.decode()
    assert len(pull_all(manifest["published"] - 1)) == manifest["published"] - 1
    (label,) = map(json.loads, (tmp_path / "labels.jsonl").read_bytes().splitlines())
    assert manifest["start"] < label["start"] < label["end"] == manifest["end"]


@pytest.mark.usefixtures("emulator")
def test_unknown_topic_is_named_before_anything_starts(tmp_path: Path) -> None:
    process = generator(tmp_path, "--topic=projects/shop/topics/nowhere")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert b"--topic=projects/shop/topics/nowhere does not exist in the emulator" in said


def test_topic_that_vanishes_ends_the_run_with_exit_code_1(
    emulator: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    process = generator(tmp_path, "--rate=200", "--seconds=600")
    subscriber = pubsub_v1.SubscriberClient()
    subscriber.pull(request={"subscription": SUBSCRIPTION, "max_messages": 1}, timeout=30)
    pubsub_v1.PublisherClient().delete_topic(topic=TOPIC)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert manifest["failed"] > 0
    assert (
        f"{manifest['failed']:,} messages could not be published, the first because of NotFound"
        in said.decode()
    )
