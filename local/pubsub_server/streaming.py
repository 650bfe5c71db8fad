"""StreamingPull: messages one way, acknowledgements the other, on one gRPC stream."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import grpc

from local.pubsub_server import proto
from local.pubsub_server.backlog import FlowControl
from local.pubsub_server.calls import Changes
from local.pubsub_server.errors import InvalidArgument, NotFound, PubSubError
from local.pubsub_server.settings import MIN_ACK_DEADLINE_SECONDS, check_lease_seconds
from local.pubsub_server.store import Store, Subscription
from local.pubsub_server.wire import MAX_RESPONSE_BYTES, MAX_RESPONSE_MESSAGES, received_messages

_SECOND_US = 1_000_000


class StreamingPull:
    """The method StreamingPull."""

    def __init__(self, store: Store) -> None:
        """Serve this store."""
        self._store = store

    def handler(self) -> Any:
        """Return what a gRPC server registers for the method."""
        return grpc.stream_stream_rpc_method_handler(
            self._answer, request_deserializer=proto.StreamingPullRequest.FromString
        )

    async def _answer(self, requests: Any, context: Any) -> None:
        try:
            first = await anext(requests, None)
            if first is None:
                raise InvalidArgument("A stream starts with a request that names the subscription.")
            subscription = self._store.subscription(first.subscription)
            stream = _Stream(self._store, subscription, first)
            with Changes(subscription) as changes:
                reading = asyncio.create_task(stream.read(requests))
                reading.add_done_callback(lambda _: changes.note())
                try:
                    await stream.write(context, changes, reading)
                finally:
                    reading.cancel()
        except PubSubError as refusal:
            await context.abort(refusal.status, str(refusal))


class _Stream:
    """One open stream and what its subscriber has in hand."""

    def __init__(self, store: Store, subscription: Subscription, first: Any) -> None:
        check_lease_seconds(first.stream_ack_deadline_seconds, MIN_ACK_DEADLINE_SECONDS)
        self._store = store
        self._subscription = subscription
        self._lease_us = first.stream_ack_deadline_seconds * _SECOND_US
        self._flow = FlowControl(first.max_outstanding_messages, first.max_outstanding_bytes)
        self._settle(first)

    async def read(self, requests: Any) -> None:
        """Take in acknowledgements until the subscriber has no more to say."""
        async for request in requests:
            if request.subscription:
                raise InvalidArgument("Only the first request of a stream names the subscription.")
            if request.stream_ack_deadline_seconds:
                check_lease_seconds(request.stream_ack_deadline_seconds, MIN_ACK_DEADLINE_SECONDS)
                self._lease_us = request.stream_ack_deadline_seconds * _SECOND_US
            self._settle(request)

    async def write(self, context: Any, changes: Changes, reading: asyncio.Task[None]) -> None:
        """Send what becomes available, as far as the subscriber's limits allow, until it hangs up."""
        backlog = self._subscription.backlog
        while not reading.done():
            if self._subscription.is_deleted:
                raise NotFound(f"Subscription does not exist: {self._subscription.name}")
            deliveries = backlog.take(
                self._store.clock_us(), MAX_RESPONSE_MESSAGES, MAX_RESPONSE_BYTES, self._flow, self._lease_us
            )
            if deliveries:
                with_attempts = backlog.terms.max_delivery_attempts is not None
                await context.write(received_messages(deliveries, with_attempts))
            else:
                await changes.next()
        await reading  # raises what was wrong with the last request

    def _settle(self, request: Any) -> None:
        if request.ack_ids:
            self._subscription.acknowledge(request.ack_ids)
        if len(request.modify_deadline_seconds) != len(request.modify_deadline_ack_ids):
            raise InvalidArgument("modify_deadline_seconds and modify_deadline_ack_ids differ in length.")
        by_seconds: dict[int, list[str]] = defaultdict(list)
        for seconds, ack_id in zip(
            request.modify_deadline_seconds, request.modify_deadline_ack_ids, strict=True
        ):
            by_seconds[seconds].append(ack_id)
        for seconds, ack_ids in by_seconds.items():
            self._subscription.modify_deadline(ack_ids, seconds, self._store.clock_us())
