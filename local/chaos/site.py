"""What one trial has to itself on a stack: topics, subscriptions, a dataset, a folder of the bucket."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import grpc
import pyarrow.parquet
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from local.chaos.pubsub_proxy import ANY_SIZE
from local.names import BUCKET, Names
from local.pulling import pull_all
from local.resources import bigquery_client, create_bucket, create_dataset
from local.stack import Stack
from pipeline.contract import Contract

ACK_DEADLINE_SECONDS = 10
"""The shortest there is: so long after a killed pipeline its messages come again."""
_CALL_SECONDS = 20.0


class Site:
    """Fresh resources in a project of their own; read and written past all proxies."""

    def __init__(self, stack: Stack, name: str, contract: Contract) -> None:
        """Create everything in the project `name`."""
        self.names = Names(name)
        self._channel = channel = grpc.insecure_channel(stack.service("pubsub").address, options=ANY_SIZE)
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.events_topic, self.subscription = self.names.topic("events"), self.names.subscription("events")
        self.dlq_topic, self.alerts_topic = self.names.topic("dlq"), self.names.topic("alerts")
        self._audit = self.names.subscription("audit")
        self.published = 0
        """Messages that `publish` has published."""
        self._readers: dict[str, list[str]] = {}
        for topic in (self.events_topic, self.dlq_topic, self.alerts_topic):
            self.create_topic(topic)
        self._subscribe(self.subscription, self.events_topic)
        self._subscribe(self._audit, self.events_topic)
        self._warehouse = bigquery_client(stack.service("bigquery").address, name)
        create_dataset(stack.service("bigquery").address, self.names, contract)
        storage_url = f"http://{stack.service('storage').address}"
        create_bucket(storage_url, self.names)
        self._folder = name
        self._objects = storage.Client(
            project=name,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": storage_url},
        )

    def close(self) -> None:
        """Ask nothing more; everything stays."""
        self._channel.close()
        self._warehouse.close()  # type: ignore[no-untyped-call]
        self._objects.close()

    @property
    def lake(self) -> str:
        """Where the pipeline is to write its objects."""
        return f"gs://{BUCKET}/{self._folder}"

    @property
    def dataset(self) -> str:
        """`project:dataset`."""
        return self.names.variables()["BQ_DATASET"]

    def create_topic(self, topic: str) -> None:
        """Create a topic with a subscription of its own, again if it was deleted."""
        self._publisher.create_topic(name=topic, timeout=_CALL_SECONDS)
        readers = self._readers.setdefault(topic, [])
        reader = self.names.subscription(f"{topic.rsplit('/', 1)[1]}-reader-{len(readers)}")
        if topic != self.events_topic:
            self._subscribe(reader, topic)
            readers.append(reader)

    def delete_topic(self, topic: str) -> None:
        """Delete a topic; what was published to it stays with its subscriptions."""
        self._publisher.delete_topic(topic=topic, timeout=_CALL_SECONDS)

    def publish(self, messages: list[PubsubMessage]) -> None:
        """Publish events."""
        self._publisher.publish(topic=self.events_topic, messages=messages, retry=None, timeout=_CALL_SECONDS)
        self.published += len(messages)

    def newly_published(self) -> list[PubsubMessage]:
        """What the events topic has got since the last call, with Pub/Sub's ids and times."""
        return list(pull_all(self._subscriber, self._audit))

    def messages_on(self, topic: str) -> list[PubsubMessage]:
        """What was published to a topic, and has not been asked for before."""
        return [message for reader in self._readers[topic] for message in pull_all(self._subscriber, reader)]

    def ask(self, question: str) -> list[dict[str, Any]]:
        """Rows of an answer of the warehouse's."""
        return [dict(row.items()) for row in self._warehouse.query(question, job_retry=None).result()]

    def lake_ids(self) -> Iterator[tuple[str, str]]:
        """(event type, event id) of every row in the lake's files."""
        for blob in self._objects.list_blobs(BUCKET, prefix=f"{self._folder}/processed/"):
            yield from rows_of_file(blob.name, blob.download_as_bytes())

    def _subscribe(self, subscription: str, topic: str) -> None:
        self._subscriber.create_subscription(
            request={"name": subscription, "topic": topic, "ack_deadline_seconds": ACK_DEADLINE_SECONDS},
            timeout=_CALL_SECONDS,
        )


def rows_of_file(name: str, data: bytes) -> Iterator[tuple[str, str]]:
    """(event type, event id) of every row of a lake file."""
    (event_type,) = (
        step.removeprefix("event_type=") for step in name.split("/") if step.startswith("event_type=")
    )
    file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
    for event_id in file.read(columns=["event_id"]).column("event_id").to_pylist():
        yield event_type, event_id
