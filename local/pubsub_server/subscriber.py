"""The gRPC service google.pubsub.v1.Subscriber, but for StreamingPull."""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import Any

import grpc

from local.pubsub_server import proto
from local.pubsub_server.calls import Changes, page, unary
from local.pubsub_server.errors import InvalidArgument, NotFound, Unimplemented
from local.pubsub_server.settings import check_project
from local.pubsub_server.store import Store, Subscription
from local.pubsub_server.streaming import StreamingPull
from local.pubsub_server.wire import MAX_RESPONSE_BYTES, MAX_RESPONSE_MESSAGES, received_messages

# A pull that finds nothing ends, empty, a little before the client would give up on it.
_LONGEST_PULL_SECONDS = 90.0
_MARGIN_SECONDS = 0.5


class Subscriber:
    """Subscriptions, pulling and acknowledging."""

    def __init__(self, store: Store) -> None:
        """Serve this store."""
        self._store = store

    def handler(self) -> Any:
        """Return what a gRPC server registers."""
        subscription = proto.Subscription
        return grpc.method_handlers_generic_handler(
            "google.pubsub.v1.Subscriber",
            {
                "CreateSubscription": unary(self._create, subscription, subscription),
                "GetSubscription": unary(self._get, proto.GetSubscriptionRequest, subscription),
                "UpdateSubscription": unary(self._update, proto.UpdateSubscriptionRequest, subscription),
                "ListSubscriptions": unary(
                    self._list, proto.ListSubscriptionsRequest, proto.ListSubscriptionsResponse
                ),
                "DeleteSubscription": unary(self._delete, proto.DeleteSubscriptionRequest, proto.Empty),
                "ModifyPushConfig": unary(self._modify_push, proto.ModifyPushConfigRequest, proto.Empty),
                "Pull": unary(self._pull, proto.PullRequest),
                "Acknowledge": unary(self._acknowledge, proto.AcknowledgeRequest, proto.Empty),
                "ModifyAckDeadline": unary(
                    self._modify_deadline, proto.ModifyAckDeadlineRequest, proto.Empty
                ),
                "Seek": unary(self._seek, proto.SeekRequest, proto.SeekResponse),
                "StreamingPull": StreamingPull(self._store).handler(),
            },
        )

    async def _create(self, request: Any, _: Any) -> Any:
        return self._store.create_subscription(request).config

    async def _get(self, request: Any, _: Any) -> Any:
        return self._store.subscription(request.subscription).config

    async def _update(self, request: Any, _: Any) -> Any:
        return self._store.update_subscription(request.subscription, request.update_mask).config

    async def _list(self, request: Any, _: Any) -> Any:
        check_project(request.project)
        configs = [
            subscription.config
            for name, subscription in self._store.subscriptions.items()
            if name.startswith(request.project + "/")
        ]
        shown, next_token = page(configs, request.page_size, request.page_token)
        return proto.ListSubscriptionsResponse(subscriptions=shown, next_page_token=next_token)

    async def _delete(self, request: Any, _: Any) -> Any:
        self._store.delete_subscription(request.subscription)
        return proto.Empty()

    async def _modify_push(self, request: Any, _: Any) -> Any:
        self._store.modify_push_config(request.subscription, request.push_config)
        return proto.Empty()

    async def _pull(self, request: Any, context: Any) -> bytes:
        subscription = self._store.subscription(request.subscription)
        if request.max_messages < 1:
            raise InvalidArgument(f"max_messages is {request.max_messages}; it must be at least 1.")
        answer = self._take(subscription, request.max_messages)
        if answer or request.return_immediately:
            return answer
        remaining = context.time_remaining()
        if remaining is None:
            remaining = _LONGEST_PULL_SECONDS
        wait_seconds = max(0.0, min(remaining - _MARGIN_SECONDS, _LONGEST_PULL_SECONDS))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        with Changes(subscription) as changes:
            while not answer and await changes.next(deadline - loop.time()):
                if subscription.is_deleted:
                    raise NotFound(f"Subscription does not exist: {subscription.name}")
                answer = self._take(subscription, request.max_messages)
        return answer

    def _take(self, subscription: Subscription, max_messages: int) -> bytes:
        backlog = subscription.backlog
        deliveries = backlog.take(
            self._store.clock_us(), min(max_messages, MAX_RESPONSE_MESSAGES), MAX_RESPONSE_BYTES
        )
        return received_messages(deliveries, backlog.terms.max_delivery_attempts is not None)

    async def _acknowledge(self, request: Any, _: Any) -> Any:
        subscription = self._store.subscription(request.subscription)
        _check_not_empty(request.ack_ids)
        subscription.acknowledge(request.ack_ids)
        return proto.Empty()

    async def _modify_deadline(self, request: Any, _: Any) -> Any:
        subscription = self._store.subscription(request.subscription)
        _check_not_empty(request.ack_ids)
        subscription.modify_deadline(request.ack_ids, request.ack_deadline_seconds, self._store.clock_us())
        return proto.Empty()

    async def _seek(self, request: Any, _: Any) -> Any:
        subscription = self._store.subscription(request.subscription)
        if request.WhichOneof("target") != "time":
            raise Unimplemented("Seek to a snapshot is not supported by the embedded Pub/Sub server.")
        subscription.backlog.drop_published_before(request.time.ToMicroseconds())
        return proto.SeekResponse()


def _check_not_empty(ack_ids: Sized) -> None:
    if not ack_ids:
        raise InvalidArgument("No ack ids specified.")
