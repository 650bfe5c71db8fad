"""Publishing to a topic from within a bundle: everything is out when the call returns."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from functools import lru_cache
from typing import NamedTuple

from google.api_core import exceptions
from google.api_core.exceptions import Forbidden, NotFound
from google.api_core.retry import Retry, if_exception_type
from google.cloud import pubsub_v1

from pipeline.errors import PipelineError

PUBLISH_TIMEOUT_SECONDS = 60.0
MAX_MESSAGE_BYTES = 9_900_000
"""Pub/Sub takes requests of 10,000,000 bytes; the rest is for the topic's name and framing."""
is_passing = if_exception_type(
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
)
"""Whether a failure to publish may pass: the client's own kinds of them."""
_RETRY = Retry(
    is_passing,
    initial=0.1,
    maximum=32.0,
    multiplier=1.5,
    timeout=2 * PUBLISH_TIMEOUT_SECONDS,
)
"""The client's own waits grow fourfold, far beyond the outage so far."""


class OutgoingMessage(NamedTuple):
    """A message to publish."""

    data: bytes
    attributes: dict[str, str]


class TopicNotWritable(PipelineError):
    """The topic does not exist or may not be published to."""


@lru_cache(maxsize=1)
def _publisher() -> pubsub_v1.PublisherClient:
    return pubsub_v1.PublisherClient(
        pubsub_v1.types.BatchSettings(max_messages=500, max_bytes=4_000_000, max_latency=0.01),
        pubsub_v1.types.PublisherOptions(retry=_RETRY),
    )


def publish(topic: str, messages: Iterable[OutgoingMessage]) -> None:
    """Publish and wait until Pub/Sub has confirmed every message.

    Raises TopicNotWritable, or what the client raises once its own retries have run out; then some of
    the messages may be out, and the bundle publishes them again.
    """
    publisher = _publisher()
    futures: list[Future[str]] = [
        publisher.publish(topic, message.data, timeout=PUBLISH_TIMEOUT_SECONDS, **message.attributes)
        for message in messages
    ]
    for future in futures:
        try:
            future.result(timeout=2 * PUBLISH_TIMEOUT_SECONDS)
        except NotFound as error:
            raise TopicNotWritable(f"topic {topic} does not exist: create it, or name another") from error
        except Forbidden as error:
            raise TopicNotWritable(
                f"topic {topic} refuses this account: grant it roles/pubsub.publisher"
            ) from error
