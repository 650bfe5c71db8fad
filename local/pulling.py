"""What waits in a subscription now."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage

_CALL_SECONDS = 20.0
_MOST_MESSAGES = 1_000


def pull_now(
    subscriber: SubscriberClient, subscription: str, count: int = _MOST_MESSAGES
) -> list[ReceivedMessage]:
    """Return up to `count` messages that are there, at once."""
    with warnings.catch_warnings():
        # Deprecated for the sake of throughput; here the answer "nothing" is wanted at once.
        warnings.filterwarnings("ignore", message="The return_immediately flag is deprecated")
        answer = subscriber.pull(
            request={"subscription": subscription, "max_messages": count, "return_immediately": True},
            timeout=_CALL_SECONDS,
        )
    return list(answer.received_messages)


def pull_all(subscriber: SubscriberClient, subscription: str) -> Iterator[PubsubMessage]:
    """Acknowledge and yield every message that waits."""
    while received := pull_now(subscriber, subscription):
        subscriber.acknowledge(
            subscription=subscription, ack_ids=[one.ack_id for one in received], timeout=_CALL_SECONDS
        )
        yield from (one.message for one in received)
