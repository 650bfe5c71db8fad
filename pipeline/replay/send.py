"""Publishing replayed messages and learning the ids that Pub/Sub gives them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import grpc
from google.api_core.exceptions import (
    Aborted,
    DeadlineExceeded,
    Forbidden,
    GoogleAPICallError,
    InternalServerError,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    RetryError,
    ServiceUnavailable,
    Unknown,
)
from google.api_core.retry import Retry, if_exception_type
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from pipeline.errors import PipelineError, UsageError, in_one_line
from pipeline.publishing import PUBLISH_TIMEOUT_SECONDS, OutgoingMessage

_RETRY = Retry(
    if_exception_type(
        Aborted, DeadlineExceeded, InternalServerError, ResourceExhausted, ServiceUnavailable, Unknown
    ),
    timeout=PUBLISH_TIMEOUT_SECONDS,
)


class Sender:
    """Publishes to one topic.

    Not the library's batching client: its `publish` takes attributes as keyword arguments, and a
    message may have one called `topic`, `data` or `timeout`.
    """

    def __init__(self, topic: str) -> None:
        """Publish to `projects/…/topics/…`."""
        self.topic = topic
        self._client = _publisher_client()

    def send(self, messages: Sequence[OutgoingMessage]) -> list[str]:
        """Publish messages that fit into one request; return their ids once Pub/Sub has them.

        Raises UsageError if the topic is missing or closed to us, PipelineError if Pub/Sub does not take
        them; then they may or may not be out.
        """
        outgoing = [PubsubMessage(data=each.data, attributes=each.attributes) for each in messages]
        try:
            answer = self._client.publish(
                topic=self.topic, messages=outgoing, retry=_RETRY, timeout=PUBLISH_TIMEOUT_SECONDS
            )
        except NotFound as error:
            raise UsageError(f"--topic={self.topic} does not exist: create it, or name another.") from error
        except (Forbidden, InvalidArgument) as error:
            raise UsageError(
                f"--topic={self.topic} does not take the messages: {in_one_line(error)}"
            ) from error
        except (RetryError, GoogleAPICallError) as error:
            raise PipelineError(f"publishing to {self.topic} failed: {in_one_line(error)}") from error
        return list(answer.message_ids)


def _publisher_client() -> PublisherClient:
    emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
    if not emulator:
        return PublisherClient()
    return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(emulator)))
