"""Push delivery: each message is a POST to the subscription's endpoint; the answer settles it."""

from __future__ import annotations

import asyncio
import base64
import json
from types import TracebackType
from typing import Any

import aiohttp

from local.pubsub_server import proto
from local.pubsub_server.backlog import Delivery, FlowControl
from local.pubsub_server.calls import Changes
from local.pubsub_server.publishing import MAX_REQUEST_BYTES
from local.pubsub_server.store import Store, Subscription
from local.pubsub_server.wire import serialized_message

ACKNOWLEDGING_STATUSES = frozenset({102, 200, 201, 202, 204})
PARALLEL_PUSHES = 8
"""The most pushes of one subscription under way at once."""
MAX_PUSH_BYTES = PARALLEL_PUSHES * MAX_REQUEST_BYTES

_SECOND_US = 1_000_000
# The request is given up at the ack deadline; the lease lasts a little longer, so that it is the
# answer that decides, not the race between the two.
_LEASE_MARGIN_US = 5 * _SECOND_US


def envelope(subscription_name: str, message: Any, delivery_attempt: int | None) -> bytes:
    """Return the JSON body of a push: the PubsubMessage in Pub/Sub's wrapped form."""
    published_at = message.publish_time.ToJsonString()
    wrapped: dict[str, Any] = {
        "data": base64.b64encode(message.data).decode(),
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published_at,
        "publish_time": published_at,
    }
    if message.attributes:
        wrapped["attributes"] = dict(message.attributes)
    if message.ordering_key:
        wrapped["orderingKey"] = message.ordering_key
    body: dict[str, Any] = {"message": wrapped, "subscription": subscription_name}
    if delivery_attempt is not None:
        body["deliveryAttempt"] = delivery_attempt
    return json.dumps(body).encode()


class PushDelivery:
    """Pushes for all subscriptions that have an endpoint. An async context manager."""

    def __init__(self, store: Store) -> None:
        """Push what this store's subscriptions get, within the `async with`."""
        self._store = store
        self._loops: dict[Subscription, asyncio.Task[None]] = {}

    async def __aenter__(self) -> PushDelivery:
        """Follow the store's subscriptions."""
        # No limit here, as each subscription has its own; and no kept connections: one that the
        # endpoint has closed meanwhile would look like a refusal.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        self._session = aiohttp.ClientSession(connector=connector)
        self._store.on_configured = self._follow
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up the pushes under way."""
        for loop in self._loops.values():
            loop.cancel()
        await asyncio.gather(*self._loops.values(), return_exceptions=True)
        await self._session.close()

    def _follow(self, subscription: Subscription) -> None:
        """Start pushing where a subscription has got an endpoint."""
        if subscription.push_endpoint and subscription not in self._loops:
            task = asyncio.create_task(self._push_all(subscription))
            self._loops[subscription] = task
            task.add_done_callback(lambda _: self._loops.pop(subscription))

    async def _push_all(self, subscription: Subscription) -> None:
        slots = FlowControl(max_messages=PARALLEL_PUSHES)
        backlog = subscription.backlog
        with Changes(subscription) as changes:
            async with asyncio.TaskGroup() as pushes:
                while not subscription.is_deleted:
                    if subscription.push_endpoint:
                        lease_us = backlog.terms.ack_deadline_us + _LEASE_MARGIN_US
                        now_us = self._store.clock_us()
                        for delivery in backlog.take(
                            now_us, PARALLEL_PUSHES, MAX_PUSH_BYTES, slots, lease_us
                        ):
                            pushes.create_task(self._push(subscription, delivery))
                    await changes.next()

    async def _push(self, subscription: Subscription, delivery: Delivery) -> None:
        terms = subscription.backlog.terms
        message = proto.PubsubMessage.FromString(serialized_message(delivery.message.field))
        attempt = None if terms.max_delivery_attempts is None else delivery.attempt
        body = envelope(subscription.name, message, attempt)
        if await self._is_accepted(subscription.push_endpoint, body, terms.ack_deadline_us / _SECOND_US):
            subscription.backlog.acknowledge([delivery.ack_id])
        else:
            subscription.backlog.give_back([delivery.ack_id], self._store.clock_us())
        subscription.changed()

    async def _is_accepted(self, endpoint: str, body: bytes, timeout_seconds: float) -> bool:
        try:
            async with self._session.post(
                endpoint,
                data=body,
                headers={"Content-Type": "application/json", "User-Agent": "APIs-Google"},
                timeout=aiohttp.ClientTimeout(total=timeout_seconds),
                allow_redirects=False,
            ) as response:
                return response.status in ACKNOWLEDGING_STATUSES
        except (aiohttp.ClientError, TimeoutError):
            return False  # an endpoint that cannot be reached has not taken the message
