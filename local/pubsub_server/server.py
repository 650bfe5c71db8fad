"""The whole server: a store, its two gRPC services, push delivery and the passage of time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from local.pubsub_server.publisher import Publisher
from local.pubsub_server.push import PushDelivery
from local.pubsub_server.store import Store
from local.pubsub_server.subscriber import Subscriber

_TICK_SECONDS = 0.05
_MAX_GRPC_BYTES = 64 << 20  # above Pub/Sub's limits, so that it is they that are reported
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_GRPC_BYTES),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),  # a port that is taken is an error, not shared
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),  # idle streams keep themselves alive
    ("grpc.keepalive_permit_without_calls", 1),
)


def now_us() -> int:
    """Return the time, microseconds since the epoch."""
    return time.time_ns() // 1_000


@asynccontextmanager
async def serving(host: str, port: int, max_retained_bytes: int) -> AsyncIterator[str]:
    """Serve on this address while the context lasts; yields the address as `host:port`.

    Port 0 takes a free one. Raises OSError where the address cannot be had.
    """
    # Ids that start with the time stay increasing, and unused, when a server follows another.
    store = Store(now_us, first_message_id=now_us(), max_retained_bytes=max_retained_bytes)
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((Publisher(store).handler(), Subscriber(store).handler()))
    try:
        bound_port = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise OSError(f"cannot listen on {host}:{port}") from error  # gRPC itself does not say why
    async with PushDelivery(store):
        await server.start()
        ticking = asyncio.create_task(_tick(store))
        try:
            yield f"{host}:{bound_port}"
        finally:
            ticking.cancel()
            await server.stop(grace=None)


async def _tick(store: Store) -> None:
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        store.release_due()
