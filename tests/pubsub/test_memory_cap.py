"""What is not acknowledged is kept in memory up to a cap; then publishing fails and says what to do."""

from __future__ import annotations

import pytest

from local.pubsub_server import proto
from local.pubsub_server.backlog import AckId
from local.pubsub_server.errors import MemoryCapReached
from local.pubsub_server.store import MESSAGE_OVERHEAD_BYTES, Store, Subscription

TOPIC = "projects/shop/topics/events"


def store_with_room_for(messages: int, data_bytes: int) -> tuple[Store, Subscription]:
    room_bytes = messages * (data_bytes + MESSAGE_OVERHEAD_BYTES + 100)  # 100: ids, time and framing
    store = Store(clock_us=lambda: 1, max_retained_bytes=room_bytes)
    store.create_topic(proto.Topic(name=TOPIC))
    name = "projects/shop/subscriptions/events"
    return store, store.create_subscription(proto.Subscription(name=name, topic=TOPIC))


def publish(store: Store, data_bytes: int) -> None:
    message = proto.PubsubMessage(data=b"x" * data_bytes)
    store.publish(proto.PublishRequest(topic=TOPIC, messages=[message]))


def test_publishing_beyond_the_cap_is_refused_and_stores_nothing() -> None:
    store, subscription = store_with_room_for(3, 10_000)
    for _ in range(3):
        publish(store, 10_000)
    with pytest.raises(
        MemoryCapReached, match=r"acknowledge messages, delete subscriptions .* --max-retained-mib"
    ):
        publish(store, 10_000)
    assert len(subscription.backlog) == 3


def test_acknowledging_makes_room() -> None:
    store, subscription = store_with_room_for(1, 10_000)
    publish(store, 10_000)
    subscription.backlog.acknowledge([AckId(1, 0)])
    publish(store, 10_000)
    assert len(subscription.backlog) == 1


def test_a_topic_that_nobody_subscribes_to_needs_no_room() -> None:
    store, subscription = store_with_room_for(1, 10_000)
    store.delete_subscription(subscription.name)
    for _ in range(10):
        publish(store, 10_000)
