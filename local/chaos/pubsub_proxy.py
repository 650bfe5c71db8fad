"""A gRPC proxy in front of Pub/Sub: knows what was delivered and acknowledged, and fails when told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc
from google.pubsub_v1.types import AcknowledgeRequest, PublishRequest, PullRequest, PullResponse

from local.child import HOST, port_is_free

ANY_SIZE = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
PULL = "/google.pubsub.v1.Subscriber/Pull"
ACKNOWLEDGE = "/google.pubsub.v1.Subscriber/Acknowledge"
PUBLISH = "/google.pubsub.v1.Publisher/Publish"
_CALL_SECONDS = 60.0
_THREADS = 64


class Refusal(Exception):
    """What the client gets instead of an answer."""

    def __init__(self, code: grpc.StatusCode) -> None:
        """Refuse with this status."""
        super().__init__(f"{code.name}, on purpose")
        self.code = code


Forward = Callable[[bytes], bytes]
Rule = Callable[[str, bytes, Forward], bytes | None]
"""(method, request, how to pass it on) -> answer, None if the fault does not concern it; raises Refusal."""


class PubsubProxy:
    """Passes unary calls on to `upstream` (host:port), as its rule says."""

    def __init__(self, upstream: str, subscription: str) -> None:
        """Serve at once, and keep account of `subscription`."""
        self._channel = grpc.insecure_channel(upstream, options=ANY_SIZE)
        self._subscription = subscription
        self._lock = threading.Lock()
        self._message_of: dict[str, str] = {}
        self._acknowledged_at: dict[str, float] = {}
        self._rule: Rule | None = None
        self._port = 0
        self.deliveries = 0
        self.faults = 0
        """Calls that a fault concerned, or that came to a topic that is not there."""
        self.open()

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{HOST}:{self._port}"

    def open(self) -> None:
        """Serve, again on the port of before."""
        server = grpc.server(ThreadPoolExecutor(_THREADS), options=ANY_SIZE)
        server.add_generic_rpc_handlers((_Everything(self.answer),))
        self._port = server.add_insecure_port(f"{HOST}:{self._port}")
        server.start()
        self._server = server

    def cut(self) -> None:
        """Break all connections and take no new ones until `open`."""
        self._server.stop(grace=None).wait()

    def listens(self) -> bool:
        """Whether it takes new connections."""
        return not port_is_free(self._port)

    def close(self) -> None:
        """End for good."""
        self.cut()
        self._channel.close()

    @contextmanager
    def fault(self, rule: Rule) -> Iterator[None]:
        """Answer by `rule` while the context lasts."""
        self._rule = rule
        try:
            yield
        finally:
            self._rule = None

    def acknowledged_at(self) -> dict[str, float]:
        """Message id -> seconds since the epoch, of the first acknowledgement that reached Pub/Sub."""
        with self._lock:
            return dict(self._acknowledged_at)

    def message_ids(self, acknowledge: bytes) -> list[str]:
        """The messages that an Acknowledge request is about."""
        ack_ids = AcknowledgeRequest.pb().FromString(acknowledge).ack_ids
        with self._lock:
            return [self._message_of[ack_id] for ack_id in ack_ids if ack_id in self._message_of]

    def answer(self, method: str, request: bytes, context: Any) -> bytes:
        """Answer one call."""
        rule, forward = self._rule, partial(self._forward, method, context)
        try:
            answer = None if rule is None else rule(method, request, forward)
            if answer is None:
                return forward(request)
            self.faults += 1
            return answer
        except Refusal as refusal:
            # A client that gives a call up is no fault.
            self.faults += refusal.code != grpc.StatusCode.CANCELLED
            context.abort(refusal.code, str(refusal))
        except grpc.RpcError as failure:
            self.faults += method == PUBLISH and failure.code() == grpc.StatusCode.NOT_FOUND
            context.abort(failure.code(), failure.details())
        raise AssertionError("abort() raises")

    def _forward(self, method: str, context: Any, request: bytes) -> bytes:
        call = self._channel.unary_unary(method).future(
            request, timeout=min(context.time_remaining() or _CALL_SECONDS, _CALL_SECONDS)
        )
        # Else a pull outlives the client that made it, and takes messages for nobody.
        context.add_callback(call.cancel)
        try:
            answer: bytes = call.result()
        except grpc.FutureCancelledError:
            raise Refusal(grpc.StatusCode.CANCELLED) from None
        if method == PULL:
            self._note_deliveries(request, answer)
        elif method == ACKNOWLEDGE:
            self._note_acknowledged(request)
        return answer

    def _note_deliveries(self, request: bytes, answer: bytes) -> None:
        if PullRequest.pb().FromString(request).subscription != self._subscription:
            return
        received = PullResponse.pb().FromString(answer).received_messages
        with self._lock:
            self.deliveries += len(received)
            self._message_of.update((one.ack_id, one.message.message_id) for one in received)

    def _note_acknowledged(self, request: bytes) -> None:
        now = time.time()
        for message_id in self.message_ids(request):
            self._acknowledged_at.setdefault(message_id, now)


class _Everything(grpc.GenericRpcHandler):
    """Takes every method, as bytes in and bytes out."""

    def __init__(self, answer: Callable[[str, bytes, Any], bytes]) -> None:
        self._answer = answer

    def service(self, handler_call_details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, handler_call_details.method))


def topic_of(publish: bytes) -> str:
    """The topic of a Publish request."""
    topic: str = PublishRequest.pb().FromString(publish).topic
    return topic


def refuse(code: grpc.StatusCode) -> Rule:
    """Refuse everything."""

    def rule(method: str, request: bytes, forward: Forward) -> bytes | None:
        raise Refusal(code)

    return rule


def refuse_publishing(topic: str, code: grpc.StatusCode) -> Rule:
    """Refuse what is published to `topic`."""

    def rule(method: str, request: bytes, forward: Forward) -> bytes | None:
        if method == PUBLISH and topic_of(request) == topic:
            raise Refusal(code)
        return None

    return rule
