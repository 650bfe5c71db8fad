"""What one test has to itself on the stack: topics, subscriptions, a dataset and a folder of the bucket."""

from __future__ import annotations

import io
import itertools
import time
import uuid
from collections.abc import Mapping, Sequence
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

from local.pulling import pull_all
from local.stack import Stack
from tests.endtoend.pipeline_process import PipelineProcess
from tests.endtoend.warehouse import Warehouse

ACK_DEADLINE_SECONDS = 10
"""The shortest there is: so long after a killed pipeline its messages come again."""
_CALL_SECONDS = 20.0
_REQUEST_BYTES = 9_000_000


class Plant:
    """Fresh resources with unguessable names; nothing in them disturbs another test."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.project = stack.environment["GOOGLE_CLOUD_PROJECT"]
        self.name = f"t{uuid.uuid4().hex[:10]}"
        self._numbers = itertools.count()
        # In emulator mode the clients' own channels refuse responses over 4 MiB.
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        channel = grpc.insecure_channel(stack.environment["PUBSUB_EMULATOR_HOST"], options=options)
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.topic, self.subscription = self._queue("events")
        self.dlq_topic, self.dlq_subscription = self._queue("dlq")
        self.alerts_topic, self.alerts_subscription = self._queue("alerts")
        self.dataset = f"{self.project}:{self.name}"
        self.warehouse = Warehouse(stack.service("bigquery").address, self.project, self.name)
        self.warehouse.create()
        self.lake = f"{stack.environment['OUTPUT_BUCKET']}/{self.name}"
        self._bucket = storage.Client(
            project=self.project,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": stack.environment["STORAGE_EMULATOR_HOST"]},
        ).bucket(stack.environment["OUTPUT_BUCKET"].removeprefix("gs://"))

    def _queue(self, kind: str) -> tuple[str, str]:
        topic = f"projects/{self.project}/topics/{self.name}-{kind}"
        self._publisher.create_topic(name=topic, timeout=_CALL_SECONDS)
        return topic, self._subscribe(topic, kind)

    def _subscribe(self, topic: str, kind: str) -> str:
        subscription = f"projects/{self.project}/subscriptions/{self.name}-{kind}"
        self._subscriber.create_subscription(
            request={"name": subscription, "topic": topic, "ack_deadline_seconds": ACK_DEADLINE_SECONDS},
            timeout=_CALL_SECONDS,
        )
        return subscription

    def subscribe_also(self, kind: str) -> str:
        """Another subscription of the topic of events, for all that is published from now on."""
        return self._subscribe(self.topic, kind)

    def flags(self, **changes: str | float | None) -> list[str]:
        """The pipeline's flags: this plant's resources and windows of seconds, then `changes`."""
        flags: dict[str, str | float | None] = {
            "input_subscription": self.subscription,
            "output_bucket": self.lake,
            "bq_dataset": self.dataset,
            "dlq_topic": self.dlq_topic,
            "alerts_topic": self.alerts_topic,
            "order_window_seconds": 5,
            "quality_window_seconds": 5,
            "pane_seconds": 2,
            "lake_window_seconds": 2,
            "stop_when_idle_seconds": 2,
            **changes,
        }
        return [f"--{name}={value}" for name, value in flags.items() if value is not None]

    def start(
        self, *more: str, variables: Mapping[str, str] | None = None, **changes: str | float | None
    ) -> PipelineProcess:
        """Start the pipeline on these resources; `variables` replace the stack's."""
        environment = {**self.stack.environment, **(variables or {})}
        folder = self.stack.state.path / "pipelines" / f"{self.name}-{next(self._numbers)}"
        return PipelineProcess([*self.flags(**changes), *more], environment, folder)

    def run(self, **changes: str | float | None) -> PipelineProcess:
        """Run the pipeline until it is idle; it must end with exit code 0."""
        process = self.start(**changes)
        process.must_succeed()
        return process

    def publish(self, payload: bytes, attributes: Mapping[str, str] | None = None) -> str:
        """Publish one message; returns its id."""
        return self.publish_all([(payload, attributes or {})])[0]

    def publish_all(self, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> list[str]:
        """Publish (payload, attributes) in order; returns the ids."""
        ids: list[str] = []
        batch: list[PubsubMessage] = []
        batch_bytes = 0
        for payload, attributes in messages:
            if batch and (batch_bytes + len(payload) > _REQUEST_BYTES or len(batch) == 1_000):
                ids += self._publish(batch)
                batch, batch_bytes = [], 0
            batch.append(PubsubMessage(data=payload, attributes=attributes))
            batch_bytes += len(payload) + sum(len(k) + 4 * len(v) + 20 for k, v in attributes.items())
        return ids + self._publish(batch)

    def _publish(self, batch: list[PubsubMessage]) -> list[str]:
        answer = self._publisher.publish(topic=self.topic, messages=batch, retry=None, timeout=_CALL_SECONDS)
        return list(answer.message_ids)

    def pull_all(self, subscription: str) -> dict[str, PubsubMessage]:
        """Every message that waits now, by id; they are acknowledged."""
        return {each.message_id: each for each in pull_all(self._subscriber, subscription)}

    def left_after_the_ack_deadline(self) -> dict[str, PubsubMessage]:
        """What the pipeline, which has ended, has not acknowledged."""
        time.sleep(ACK_DEADLINE_SECONDS + 0.5)
        return self.pull_all(self.subscription)

    def object(self, uri: str) -> bytes:
        """The bytes of `gs://…`."""
        return self._bucket.blob(uri.split("/", 3)[3]).download_as_bytes()

    def own_rows(self, table: str) -> bytes:
        """The rows of one of the pipeline's own tables that are in files of the lake, a line each."""
        blobs = self._bucket.client.list_blobs(self._bucket, prefix=f"{self.name}/tables/{table}/")
        return b"".join(blob.download_as_bytes() for blob in blobs)

    def lake_rows(self, event_type: str) -> list[dict[str, Any]]:
        """The rows of every Parquet file of one event type."""
        prefix = f"{self.name}/processed/event_type={event_type}/"
        rows: list[dict[str, Any]] = []
        for blob in self._bucket.client.list_blobs(self._bucket, prefix=prefix):
            file = pyarrow.parquet.ParquetFile(io.BytesIO(blob.download_as_bytes()))
            rows += file.read().to_pylist()
        return rows
