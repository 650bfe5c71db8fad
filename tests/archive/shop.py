"""What one archive test has to itself: a topic, two subscriptions and a folder of a bucket."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterable, Mapping, Sequence

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from local.pulling import pull_all
from pipeline.elements import RawMessage
from pipeline.lines import read_envelope

PROJECT = "local-shop"
ACK_DEADLINE_SECONDS = 10
_CALL_SECONDS = 10.0


class Shop:
    """Publishes, and says what was delivered to a plain subscription and what is in the archive."""

    def __init__(self, pubsub: str, storage_address: str) -> None:
        name = f"t{uuid.uuid4().hex[:10]}"
        self.environment = {"PUBSUB_EMULATOR_HOST": pubsub, "STORAGE_EMULATOR_HOST": storage_address}
        self.topic = f"projects/{PROJECT}/topics/{name}"
        self.plain_subscription = f"projects/{PROJECT}/subscriptions/{name}-plain"
        self.archive_subscription = f"projects/{PROJECT}/subscriptions/{name}-archive"
        self.folder = f"gs://{name}/raw"
        self._channel = grpc.insecure_channel(pubsub, options=[("grpc.max_receive_message_length", -1)])
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self._channel))
        self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=self._channel))
        client = storage.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": storage_address},
        )
        self._bucket = client.bucket(name)

    def close(self) -> None:
        self._channel.close()

    def create(self) -> None:
        """Create the subscriptions and the bucket."""
        self.create_subscriptions()
        self.create_bucket()

    def create_subscriptions(self) -> None:
        self._publisher.create_topic(name=self.topic, timeout=_CALL_SECONDS)
        for subscription in (self.plain_subscription, self.archive_subscription):
            self._subscriber.create_subscription(
                request={
                    "name": subscription,
                    "topic": self.topic,
                    "ack_deadline_seconds": ACK_DEADLINE_SECONDS,
                },
                timeout=_CALL_SECONDS,
            )

    def create_bucket(self) -> None:
        self._bucket.create(timeout=_CALL_SECONDS)

    def publish(self, messages: Iterable[tuple[bytes, Mapping[str, str]]]) -> None:
        """Publish (payload, attributes)."""
        batch = [PubsubMessage(data=payload, attributes=attributes) for payload, attributes in messages]
        for start in range(0, len(batch), 1_000):
            self._publisher.publish(
                topic=self.topic, messages=batch[start : start + 1_000], timeout=_CALL_SECONDS
            )

    def delivered(self) -> list[RawMessage]:
        """What waits in the plain subscription, by message id."""
        return self._pull_all(self.plain_subscription)

    def not_archived(self) -> list[RawMessage]:
        """What waits in the archiver's subscription, by message id."""
        return self._pull_all(self.archive_subscription)

    def archived(self) -> list[RawMessage]:
        """Every line in the archive, by message id; each must be an envelope."""
        return by_id(read_archive([blob.download_as_bytes(raw_download=True) for blob in self.blobs()]))

    def blobs(self) -> list[storage.Blob]:
        """The archive's objects."""
        return list(self._bucket.client.list_blobs(self._bucket))

    def _pull_all(self, subscription: str) -> list[RawMessage]:
        return by_id(map(_raw, pull_all(self._subscriber, subscription)))


def read_archive(objects: Sequence[bytes]) -> list[RawMessage]:
    """The messages of compressed objects, as a backfill reads them."""
    messages: list[RawMessage] = []
    for data in objects:
        for line in gzip.decompress(data).splitlines():
            message = read_envelope(line)
            assert message is not None, line
            messages.append(message)
    return messages


def by_id(messages: Iterable[RawMessage]) -> list[RawMessage]:
    return sorted(messages, key=lambda message: int(message.message_id or -1))


def _raw(each: PubsubMessage) -> RawMessage:
    message = PubsubMessage.pb(each)
    return RawMessage(
        message.data,
        dict(message.attributes),
        message.message_id,
        message.publish_time.ToMicroseconds(),
    )
