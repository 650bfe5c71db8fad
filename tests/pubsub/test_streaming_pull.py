"""StreamingPull, by hand and through the client's subscriber: the same on every server."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument, NotFound
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.types import FlowControl
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage, StreamingPullRequest

from tests.pubsub.shop import PATIENCE_SECONDS, Shop, data_of


class Stream:
    """One open stream: what came in, and a way to send."""

    def __init__(self, shop: Shop, **first: Any) -> None:
        self._requests: queue.SimpleQueue[StreamingPullRequest | None] = queue.SimpleQueue()
        self._arrived: queue.SimpleQueue[ReceivedMessage] = queue.SimpleQueue()
        self.send(subscription=shop.subscription, **({"stream_ack_deadline_seconds": 10} | first))
        self._responses = shop.subscriber.streaming_pull(iter(self._requests.get, None), timeout=60)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self.error: Exception | None = None
        self._reading.start()

    def send(self, **request: Any) -> None:
        self._requests.put(StreamingPullRequest(**request))

    def receive(self, count: int, seconds: float = PATIENCE_SECONDS) -> list[ReceivedMessage]:
        """Return `count` messages, or fewer when no more came in time."""
        deadline = time.monotonic() + seconds
        received: list[ReceivedMessage] = []
        while len(received) < count:
            try:
                received.append(self._arrived.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
        return received

    def wait_for_error(self) -> Exception | None:
        self._reading.join(PATIENCE_SECONDS)
        return self.error

    def close(self) -> None:
        self._requests.put(None)
        self._responses.cancel()
        self._reading.join(PATIENCE_SECONDS)

    def _read(self) -> None:
        try:
            for response in self._responses:
                for received in response.received_messages:
                    self._arrived.put(received)
        except Exception as error:
            self.error = error


@contextmanager
def streaming(shop: Shop, **first: Any) -> Iterator[Stream]:
    stream = Stream(shop, **first)
    yield stream
    stream.close()


def ack_ids(received: list[ReceivedMessage]) -> list[str]:
    return [one.ack_id for one in received]


def test_messages_flow_from_before_and_after_the_stream_was_opened(shop: Shop) -> None:
    shop.publish(b"before")
    with streaming(shop) as stream:
        assert data_of(stream.receive(1)) == [b"before"]
        shop.publish(b"after")
        assert data_of(stream.receive(1)) == [b"after"]


def test_acknowledged_on_the_stream_is_acknowledged(shop: Shop) -> None:
    shop.publish(b"x")
    with streaming(shop) as stream:
        stream.send(ack_ids=ack_ids(stream.receive(1)))
        assert stream.receive(1, seconds=0.5) == []
    shop.publish(b"next")
    assert data_of(shop.pull()) == [b"next"]


def test_nacked_on_the_stream_comes_back(shop: Shop) -> None:
    shop.publish(b"x")
    with streaming(shop) as stream:
        received = stream.receive(1)
        stream.send(modify_deadline_ack_ids=ack_ids(received), modify_deadline_seconds=[0])
        assert data_of(stream.receive(1)) == [b"x"]


def test_a_deadline_set_on_the_stream_runs_out(shop: Shop) -> None:
    shop.publish(b"x")
    with streaming(shop) as stream:
        received = stream.receive(1)
        started = time.monotonic()
        stream.send(modify_deadline_ack_ids=ack_ids(received), modify_deadline_seconds=[1])
        assert data_of(stream.receive(1)) == [b"x"]
        assert 0.8 <= time.monotonic() - started <= 3


# The official emulator leaves both limits to the client library.
def test_no_more_than_max_outstanding_messages_are_in_hand(embedded_shop: Shop) -> None:
    embedded_shop.publish_all([PubsubMessage(data=b"%d" % n) for n in range(10)])
    with streaming(embedded_shop, max_outstanding_messages=4) as stream:
        first = stream.receive(10, seconds=1)
        assert len(first) == 4
        embedded_shop.acknowledge(first[:3])  # not on the stream: a client may acknowledge either way
        second = stream.receive(10, seconds=1)
        assert len(second) == 3
        stream.send(ack_ids=ack_ids([first[3], *second]))
        assert len(stream.receive(10, seconds=1)) == 3


def test_max_outstanding_bytes_stop_the_stream_once_reached(embedded_shop: Shop) -> None:
    embedded_shop.publish_all([PubsubMessage(data=b"x" * 100_000)] * 10)
    with streaming(embedded_shop, max_outstanding_bytes=250_000) as stream:
        first = stream.receive(10, seconds=1)
        assert len(first) == 3  # the third passes the limit and is the last
        stream.send(ack_ids=ack_ids(first))
        assert len(stream.receive(10, seconds=1)) == len(first)


def test_two_streams_share_a_subscription_without_duplicates(shop: Shop) -> None:
    sent = sorted(b"%d" % n for n in range(100))
    with streaming(shop) as one, streaming(shop) as two:
        shop.publish_all([PubsubMessage(data=data) for data in sent])
        received = one.receive(100, seconds=2) + two.receive(100, seconds=2)
        assert sorted(data_of(received)) == sent


def test_a_stream_ends_when_its_subscription_is_deleted(shop: Shop) -> None:
    with streaming(shop) as stream:
        shop.publish(b"x")
        stream.receive(1)
        shop.subscriber.delete_subscription(subscription=shop.subscription)
        assert isinstance(stream.wait_for_error(), NotFound)


@pytest.mark.parametrize("seconds", [0, 9, 601])
def test_a_stream_needs_an_ack_deadline_within_bounds(shop: Shop, seconds: int) -> None:
    with streaming(shop, stream_ack_deadline_seconds=seconds) as stream:
        assert isinstance(stream.wait_for_error(), InvalidArgument)


def test_the_clients_subscriber_receives_and_acknowledges_everything(shop: Shop) -> None:
    count = 2_000
    for start in range(0, count, 500):
        shop.publish_all([PubsubMessage(data=b"%d" % n) for n in range(start, start + 500)])
    arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def receive(message: Message) -> None:
        arrived.put(message.data)
        message.ack()

    receiving = shop.subscriber.subscribe(
        shop.subscription, receive, flow_control=FlowControl(max_messages=100)
    )
    data = sorted(arrived.get(timeout=PATIENCE_SECONDS) for _ in range(count))
    receiving.cancel()
    receiving.result(PATIENCE_SECONDS)
    assert data == sorted(b"%d" % n for n in range(count))
    assert shop.pull_now() == []
