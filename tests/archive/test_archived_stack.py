"""The archiver as a part of the stack."""

from __future__ import annotations

import time
from pathlib import Path

import grpc
import pytest
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from local.stack import Stack
from local.state import StateFolder
from tests.archive.shop import by_id, read_archive

PARTS = {"pubsub", "storage", "archiver"}


def publish(stack: Stack, topic: str, payloads: list[bytes]) -> list[str]:
    with grpc.insecure_channel(stack.environment["PUBSUB_EMULATOR_HOST"]) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        messages = [PubsubMessage(data=payload) for payload in payloads]
        answer = publisher.publish(topic=stack.environment[topic], messages=messages, timeout=10)
        return list(answer.message_ids)


def kept(state: StateFolder) -> dict[str, bytes]:
    """The objects in `raw/` that a stack has left behind."""
    raw = state.storage / ".cloudstorage" / "shop-events-output" / "raw"
    return {str(path.relative_to(raw)): path.read_bytes() for path in raw.rglob("*.jsonl.gz")}


def test_a_stack_stopped_right_after_publishing_has_everything_in_the_archive(tmp_path: Path) -> None:
    payloads = [b"%d" % n for n in range(1_000)]
    with Stack(tmp_path / "state", parts=PARTS) as stack:
        ids = publish(stack, "INPUT_TOPIC", payloads)
        publish(stack, "DLQ_TOPIC", [b"not an event"])
        state = stack.state
    archived = by_id(read_archive(list(kept(state).values())))
    assert [(message.message_id, message.payload) for message in archived] == list(
        zip(ids, payloads, strict=True)
    )


def test_the_next_stack_on_the_same_state_adds_to_the_archive(tmp_path: Path) -> None:
    found: list[dict[str, bytes]] = []
    for payload in (b"first", b"second"):
        with Stack(tmp_path / "state", parts=PARTS) as stack:
            publish(stack, "INPUT_TOPIC", [payload])
        found.append(kept(stack.state))
    before, after = found
    assert before.items() < after.items()
    assert sorted(message.payload for message in read_archive(list(after.values()))) == [b"first", b"second"]


def test_a_stack_without_traffic_stops_at_once_and_leaves_no_object(tmp_path: Path) -> None:
    with Stack(tmp_path / "state", parts=PARTS) as stack:
        state = stack.state
        started = time.monotonic()
    assert time.monotonic() - started < 4
    assert kept(state) == {}
    assert (state.logs / "archiver.log").read_text().endswith("Ended: 0 messages in 0 objects.\n")


def test_a_stack_without_archiver_keeps_no_subscription_for_it(tmp_path: Path) -> None:
    with Stack(tmp_path / "state", parts={"pubsub"}) as stack:
        assert "ARCHIVE_SUBSCRIPTION" not in stack.environment
        with grpc.insecure_channel(stack.environment["PUBSUB_EMULATOR_HOST"]) as channel:
            publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
            topic = stack.environment["INPUT_TOPIC"]
            assert list(publisher.list_topic_subscriptions(topic=topic, timeout=10)) == [
                "projects/local-shop/subscriptions/events-sub"
            ]


def test_an_archiver_needs_what_it_reads_and_writes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the archiver needs the parts pubsub and storage"):
        Stack(tmp_path / "state", parts={"archiver", "pubsub"})
