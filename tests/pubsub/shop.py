"""One topic with subscriptions of its own, and the calls the tests make on them."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Mapping
from typing import Any

import grpc
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher import PublisherClient as GapicPublisher
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage

from local.pulling import pull_now

PATIENCE_SECONDS = 20.0


class Shop:
    """A fresh topic and a subscription on one server."""

    def __init__(self, address: str) -> None:
        # In emulator mode the clients' channels refuse responses over 4 MiB; on the service they do not.
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        channel = grpc.insecure_channel(address, options=options)
        self.address = address
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.project = f"projects/shop-{uuid.uuid4().hex[:12]}"
        self._numbers = itertools.count()
        self.topic = self.new_topic()
        self.subscription = self.new_subscription()

    def new_name(self, kind: str) -> str:
        return f"{self.project}/{kind}/name-{next(self._numbers)}"

    def new_topic(self) -> str:
        return str(self.publisher.create_topic(name=self.new_name("topics"), timeout=PATIENCE_SECONDS).name)

    def new_subscription(self, **settings: Any) -> str:
        request = {"name": self.new_name("subscriptions"), "topic": self.topic, **settings}
        return str(self.subscriber.create_subscription(request=request).name)

    def publish(self, data: bytes = b"", attributes: Mapping[str, str] | None = None) -> str:
        return self.publish_all([PubsubMessage(data=data, attributes=attributes or {})])[0]

    def publish_all(self, messages: list[PubsubMessage]) -> list[str]:
        """One Publish request, as it is: no batching, no retries. Returns the ids."""
        response = GapicPublisher.publish(
            self.publisher, topic=self.topic, messages=messages, retry=None, timeout=PATIENCE_SECONDS
        )
        return list(response.message_ids)

    def pull(self, count: int = 1, subscription: str | None = None) -> list[ReceivedMessage]:
        """Pull until there are `count` messages; fewer come back only when patience has run out."""
        received: list[ReceivedMessage] = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(received) < count and time.monotonic() < deadline:
            received += self.pull_now(count - len(received), subscription)
            if len(received) < count:
                time.sleep(0.02)
        return received

    def pull_now(self, count: int = 1_000, subscription: str | None = None) -> list[ReceivedMessage]:
        """Return what is there, at once."""
        return pull_now(self.subscriber, subscription or self.subscription, count)

    def acknowledge(self, received: list[ReceivedMessage]) -> None:
        ack_ids = [one.ack_id for one in received]
        self.subscriber.acknowledge(subscription=self.subscription, ack_ids=ack_ids)

    def let_deadline_be(self, seconds: int, received: list[ReceivedMessage]) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=self.subscription,
            ack_ids=[one.ack_id for one in received],
            ack_deadline_seconds=seconds,
        )

    def close(self) -> None:
        self.publisher.transport.close()
        self.subscriber.close()


def data_of(received: list[ReceivedMessage]) -> list[bytes]:
    return [one.message.data for one in received]
