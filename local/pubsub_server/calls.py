"""How a gRPC method is registered: one handler per method, refusals turned into statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from local.pubsub_server.errors import InvalidArgument, PubSubError
from local.pubsub_server.store import Subscription


def unary(call: Callable[[Any, Any], Awaitable[Any]], request_type: Any, response_type: Any = None) -> Any:
    """Build the handler of a unary method; without a response type the call returns serialized bytes."""

    async def answer(request: Any, context: Any) -> Any:
        try:
            return await call(request, context)
        except PubSubError as refusal:
            await context.abort(refusal.status, str(refusal))

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=request_type.FromString,
        response_serializer=response_type and response_type.SerializeToString,
    )


def page(items: list[Any], page_size: int, page_token: str) -> tuple[list[Any], str]:
    """Cut one page out of a list and return it with the token of the next, empty at the end.

    Raises InvalidArgument for a token that no page had.
    """
    if page_token and not page_token.isdecimal():
        raise InvalidArgument(
            f"Invalid page_token: {page_token}. Send the next_page_token of the last answer."
        )
    start = int(page_token or 0)
    end = start + page_size if page_size > 0 else len(items)
    return items[start:end], str(end) if end < len(items) else ""


class Changes:
    """Wakes a task when a subscription has changed. Use as a context manager around the waiting."""

    def __init__(self, subscription: Subscription) -> None:
        """Watch this subscription within the `with`."""
        self._subscription = subscription
        self._event = asyncio.Event()

    def __enter__(self) -> Changes:
        """Start to watch."""
        self._subscription.on_change.append(self._event.set)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._subscription.on_change.remove(self._event.set)

    def note(self) -> None:
        """Wake the task for a reason of its own."""
        self._event.set()

    async def next(self, timeout_seconds: float | None = None) -> bool:
        """Wait for a change since the last call; False if none came in time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
