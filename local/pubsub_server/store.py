"""All topics and subscriptions of one server, in memory. One clock, no gRPC, no threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from local.pubsub_server import proto
from local.pubsub_server.backlog import Backlog, StoredMessage
from local.pubsub_server.errors import AlreadyExists, InvalidArgument, MemoryCapReached, NotFound
from local.pubsub_server.publishing import check_request, stored_messages
from local.pubsub_server.settings import (
    DELETED_TOPIC,
    UPDATABLE_FIELDS,
    check_lease_seconds,
    checked_subscription,
    checked_topic,
    terms_of,
)
from local.pubsub_server.wire import parse_ack_ids, serialized_message

# What one message costs here beside its bytes: entry, ids, tuple, dict and deque slots.
MESSAGE_OVERHEAD_BYTES = 400


class Subscription:
    """A stored Subscription and its backlog."""

    def __init__(self, config: Any, forward: Callable[[Subscription, StoredMessage, int], bool]) -> None:
        """Start empty. `forward` takes a message that cannot be delivered and says whether it could."""
        self.config = config
        self.backlog = Backlog(terms_of(config), partial(forward, self))
        self.is_deleted = False
        self.on_change: list[Callable[[], None]] = []
        """Called when messages may have become available, or the settings changed, or it was deleted."""

    @property
    def name(self) -> str:
        """Its full name."""
        return str(self.config.name)

    @property
    def push_endpoint(self) -> str:
        """Where its messages are pushed; empty for a pull subscription."""
        return str(self.config.push_config.push_endpoint)

    def acknowledge(self, ack_ids: Iterable[str]) -> None:
        """Forget the messages of these deliveries. Raises InvalidArgument."""
        self.backlog.acknowledge(parse_ack_ids(ack_ids))
        self.changed()

    def modify_deadline(self, ack_ids: Iterable[str], seconds: int, now_us: int) -> None:
        """End these leases so many seconds from now; 0 gives the messages back. Raises InvalidArgument."""
        check_lease_seconds(seconds)
        if seconds:
            self.backlog.extend(parse_ack_ids(ack_ids), now_us, seconds * 1_000_000)
        else:
            self.backlog.give_back(parse_ack_ids(ack_ids), now_us)
            self.changed()

    def changed(self) -> None:
        """Tell whoever waits for messages to look again."""
        for call in self.on_change:
            call()


class Store:
    """Topics and subscriptions. Every method may raise NotFound and InvalidArgument."""

    def __init__(
        self,
        clock_us: Callable[[], int],
        first_message_id: int = 1,
        max_retained_bytes: int = 1 << 30,
    ) -> None:
        """Start empty. `clock_us` tells the time, microseconds since the epoch."""
        self.clock_us = clock_us
        self.topics: dict[str, Any] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.on_configured: Callable[[Subscription], None] = lambda subscription: None
        """Called when a subscription was created or its settings changed."""
        self._of_topic: dict[str, list[Subscription]] = {}
        self._next_message_id = first_message_id
        self._max_retained_bytes = max_retained_bytes

    def create_topic(self, requested: Any) -> Any:
        """Store a Topic and return it. Raises AlreadyExists, Unimplemented."""
        topic = checked_topic(requested)
        if topic.name in self.topics:
            raise AlreadyExists(f"Topic already exists: {topic.name}")
        self.topics[topic.name] = topic
        self._of_topic[topic.name] = []
        return topic

    def topic(self, name: str) -> Any:
        """Return a Topic."""
        try:
            return self.topics[name]
        except KeyError:
            raise NotFound(f"Topic not found: {name}") from None

    def delete_topic(self, name: str) -> None:
        """Delete a topic; its subscriptions keep what they hold and get nothing more."""
        self.topic(name)
        del self.topics[name]
        for subscription in self._of_topic.pop(name):
            subscription.config.topic = DELETED_TOPIC

    def subscriptions_of(self, topic: str) -> list[str]:
        """Return the names of a topic's subscriptions."""
        self.topic(topic)
        return [subscription.name for subscription in self._of_topic[topic]]

    def publish(self, request: Any) -> list[str]:
        """Hand the messages to every subscription of the topic and return their ids.

        Raises MemoryCapReached where nothing has been stored because there is no room.
        """
        self.topic(request.topic)
        check_request(request)
        subscriptions = self._of_topic[request.topic]
        self._check_room(
            len(subscriptions) * (request.ByteSize() + len(request.messages) * MESSAGE_OVERHEAD_BYTES)
        )
        return self._deliver(request.messages, subscriptions)

    def create_subscription(self, requested: Any) -> Subscription:
        """Store a Subscription, which gets what is published from now on.

        Raises AlreadyExists, Unimplemented.
        """
        config = checked_subscription(requested)
        if config.name in self.subscriptions:
            raise AlreadyExists(f"Subscription already exists: {config.name}")
        self.topic(config.topic)
        self._check_dead_letter_topic(config)
        subscription = Subscription(config, self._forward)
        self.subscriptions[config.name] = subscription
        self._of_topic[config.topic].append(subscription)
        self.on_configured(subscription)
        return subscription

    def subscription(self, name: str) -> Subscription:
        """Return a subscription."""
        try:
            return self.subscriptions[name]
        except KeyError:
            raise NotFound(f"Subscription does not exist: {name}") from None

    def update_subscription(self, requested: Any, update_mask: FieldMask) -> Subscription:
        """Change the fields that the mask names. Raises Unimplemented."""
        subscription = self.subscription(requested.name)
        if not update_mask.paths:
            raise InvalidArgument("The update_mask in the UpdateSubscriptionRequest names no field.")
        unknown = set(update_mask.paths) - UPDATABLE_FIELDS
        if unknown:
            raise InvalidArgument(
                f"Invalid update_mask provided: {', '.join(sorted(unknown))}. Fields that can be updated are "
                f"{', '.join(sorted(UPDATABLE_FIELDS))}."
            )
        config = proto.Subscription()
        config.CopyFrom(subscription.config)
        update_mask.MergeMessage(requested, config, True, True)
        self._reconfigure(subscription, config)
        return subscription

    def modify_push_config(self, name: str, push_config: Any) -> None:
        """Make it push to an endpoint, or with an empty one wait to be pulled. Raises Unimplemented."""
        subscription = self.subscription(name)
        config = proto.Subscription()
        config.CopyFrom(subscription.config)
        config.push_config.CopyFrom(push_config)
        self._reconfigure(subscription, config)

    def delete_subscription(self, name: str) -> None:
        """Delete a subscription and all it holds."""
        subscription = self.subscription(name)
        del self.subscriptions[name]
        of_topic = self._of_topic.get(subscription.config.topic)
        if of_topic is not None:
            of_topic.remove(subscription)
        subscription.is_deleted = True
        subscription.changed()

    def release_due(self) -> None:
        """Make due messages available; to be called often, so that subscribers that wait hear of them."""
        now_us = self.clock_us()
        for subscription in self.subscriptions.values():
            subscription.backlog.release(now_us)
            if subscription.backlog.has_waiting():
                subscription.changed()

    def _reconfigure(self, subscription: Subscription, config: Any) -> None:
        config = checked_subscription(config)
        self._check_dead_letter_topic(config)
        subscription.config = config
        subscription.backlog.terms = terms_of(subscription.config)
        self.on_configured(subscription)
        subscription.changed()

    def _check_dead_letter_topic(self, config: Any) -> None:
        if config.HasField("dead_letter_policy"):
            self.topic(config.dead_letter_policy.dead_letter_topic)

    def _check_room(self, wanted_bytes: int) -> None:
        retained_bytes = sum(
            subscription.backlog.retained_bytes + len(subscription.backlog) * MESSAGE_OVERHEAD_BYTES
            for subscription in self.subscriptions.values()
        )
        if retained_bytes + wanted_bytes > self._max_retained_bytes:
            raise MemoryCapReached(
                f"The subscriptions hold {retained_bytes >> 20} MiB of unacknowledged messages, and the "
                f"memory cap is {self._max_retained_bytes >> 20} MiB: acknowledge messages, delete "
                "subscriptions that nobody reads, or start the server with a larger --max-retained-mib."
            )

    def _forward(self, subscription: Subscription, message: StoredMessage, attempts: int) -> bool:
        """Publish what could not be delivered to the dead-letter topic; False where that is gone."""
        receivers = self._of_topic.get(subscription.config.dead_letter_policy.dead_letter_topic)
        if receivers is None:
            return False
        forwarded = proto.PubsubMessage.FromString(serialized_message(message.field))
        _, project, _, subscription_id = subscription.name.split("/")
        forwarded.attributes["CloudPubSubDeadLetterSourceSubscription"] = subscription_id
        forwarded.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] = project
        forwarded.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = str(attempts)
        published_at = forwarded.publish_time.ToJsonString()
        forwarded.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = published_at
        self._deliver([forwarded], receivers)
        return True

    def _deliver(self, messages: Any, subscriptions: list[Subscription]) -> list[str]:
        stored = stored_messages(messages, self._next_message_id, self.clock_us())
        self._next_message_id += len(stored)
        for subscription in subscriptions:
            subscription.backlog.add(stored)
            subscription.changed()
        return [str(message.message_id) for message in stored]
