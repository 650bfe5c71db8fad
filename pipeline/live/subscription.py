"""Pulls a subscription, extends leases and acknowledges, each on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from google.api_core.exceptions import ServiceUnavailable
from google.api_core.retry import Retry, if_exception_type
from google.pubsub_v1.types import AcknowledgeRequest, ModifyAckDeadlineRequest, PullRequest, PullResponse

from pipeline.clock import now_us
from pipeline.elements import RawMessage
from pipeline.live.flight import InFlight
from pipeline.live.watermark import PublishTimeWatermark
from pipeline.subscriber import subscriber_client

LOGGER = logging.getLogger(__name__)

PULL_MESSAGES = 1_000
PULL_TIMEOUT_SECONDS = 20.0
PULL_INTERVAL_SECONDS = 0.03
"""Pause between pulls: a pull costs about the same for one message as for a hundred."""
IDLE_AFTER_US = 500_000
ACKNOWLEDGE_INTERVAL_SECONDS = 0.2
IDS_IN_REQUEST = 2_500
"""Pub/Sub takes requests of 512 KiB, and an acknowledgement id has about 200 bytes."""
LEASE_INTERVAL_SECONDS = 15.0
LEASE_SECONDS = 60
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
PASSING_CODES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.UNKNOWN,
    }
)
_START_RETRY = Retry(if_exception_type(ServiceUnavailable), timeout=10.0)
"""The client's own goes on for a minute: long for a wrong address."""

# The generated client wraps every message it returns; at thousands a second the plain ones matter.
_SERVICE = "/google.pubsub.v1.Subscriber/"


class SubscriptionReader:
    """A subscription as a queue of RawMessage with a watermark.

    `max_in_flight` is the back-pressure: no pull while as many messages are not acknowledged.
    """

    def __init__(self, subscription: str, flight: InFlight, max_in_flight: int, slack_us: int) -> None:
        self._subscription = subscription
        self._flight = flight
        self._max_in_flight = max_in_flight
        self._client = subscriber_client()
        channel = self._client.transport.grpc_channel
        self._pull_call = channel.unary_unary(
            _SERVICE + "Pull",
            request_serializer=PullRequest.pb().SerializeToString,
            response_deserializer=PullResponse.pb().FromString,
        )
        self._watermark = PublishTimeWatermark(slack_us)
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._queue: deque[RawMessage] = deque()
        self._pulling_since_us: int | None = None
        self._stop_pulling = threading.Event()
        self._stop_serving = threading.Event()
        self.last_busy_us = now_us()
        """When messages last came, or were last held back by `max_in_flight`."""
        self.failure: Exception | None = None
        self._puller = threading.Thread(target=self._guard, args=(self._pull,), name="pull", daemon=True)
        self._servers = [
            threading.Thread(target=self._guard, args=(work,), name=name, daemon=True)
            for name, work in (("acknowledge", self._acknowledge), ("leases", self._extend_leases))
        ]

    def start(self) -> None:
        """Check that the subscription is there, then start pulling.

        Raises google.api_core.exceptions.GoogleAPICallError if it cannot be read.
        """
        self._client.get_subscription(subscription=self._subscription, timeout=10, retry=_START_RETRY)
        self.last_busy_us = now_us()
        for thread in (self._puller, *self._servers):
            thread.start()

    def take(self, limit: int, limit_bytes: int, timeout_seconds: float) -> list[RawMessage]:
        """Up to `limit` messages of about `limit_bytes`; none if none has come within `timeout_seconds`."""
        taken: list[RawMessage] = []
        taken_bytes = 0
        with self._lock:
            self._arrived.wait_for(lambda: bool(self._queue), timeout_seconds)
            while self._queue and len(taken) < limit and taken_bytes < limit_bytes:
                taken.append(self._queue.popleft())
                taken_bytes += len(taken[-1].payload)
        return taken

    def watermark_us(self) -> int | None:
        """The time before which no message is expected any more, or None as long as nothing is known."""
        with self._lock:
            now = now_us()
            waiting = self._pulling_since_us is not None and now - self._pulling_since_us > IDLE_AFTER_US
            if waiting and not self._queue:
                self._watermark.observe_idle(now)
            held = min((m.publish_time_us or now for m in self._queue), default=None)
            return self._watermark.current_us(held)

    def stop_pulling(self) -> None:
        """Take nothing more from the subscription; what was pulled is still handed on."""
        self._stop_pulling.set()

    def drained(self) -> bool:
        """Whether pulling has ended and everything pulled was handed on."""
        with self._lock:
            return self._stop_pulling.is_set() and not self._puller.is_alive() and not self._queue

    def close(self, timeout_seconds: float = 30.0) -> None:
        """Send the last acknowledgements, give back what is unfinished, and end the threads."""
        self._stop_pulling.set()
        self._stop_serving.set()
        for thread in (self._puller, *self._servers):
            if thread.ident is not None:
                thread.join(timeout_seconds)
        try:
            self._change_deadlines(0)  # else nobody gets it until its lease ends, up to a minute later
        except grpc.RpcError as failure:
            LOGGER.warning("cannot give back what is unfinished: %s", failure.code())
        self._client.close()

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as failure:
            LOGGER.exception("reading %s failed", self._subscription)
            self.failure = failure
            self._stop_pulling.set()

    def _pull(self) -> None:
        failures = 0
        while not self._stop_pulling.is_set():
            if not self._flight.wait_below(self._max_in_flight, timeout_seconds=0.2):
                self.last_busy_us = now_us()
                continue
            with self._lock:
                self._pulling_since_us = now_us()
            try:
                received = self._pull_once(min(PULL_MESSAGES, self._max_in_flight - self._flight.count()))
            except grpc.RpcError as failure:
                if failure.code() not in PASSING_CODES:
                    raise
                failures += 1
                LOGGER.warning(
                    "cannot pull %s (failure %d): %s", self._subscription, failures, failure.code()
                )
                received = ()
                self._stop_pulling.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])
            else:
                failures = 0
            self._queue_up(received)
            self._stop_pulling.wait(PULL_INTERVAL_SECONDS)

    def _pull_once(self, limit: int) -> Sequence[Any]:
        """Up to `limit` messages of one pull; none if nothing came or pulling is to end."""
        request = PullRequest.pb()(subscription=self._subscription, max_messages=limit)
        finished = threading.Event()
        call = self._pull_call.future(request, timeout=PULL_TIMEOUT_SECONDS)
        call.add_done_callback(lambda _: finished.set())
        while not finished.wait(0.2):
            if self._stop_pulling.is_set():
                call.cancel()
        try:
            received: Sequence[Any] = call.result().received_messages
        except grpc.FutureCancelledError:
            return ()
        except grpc.RpcError as failure:
            if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return ()
            raise
        return received

    def _queue_up(self, received: Sequence[Any]) -> None:
        fresh = [
            RawMessage(
                message.data,
                dict(message.attributes),
                message.message_id,
                message.publish_time.seconds * 1_000_000 + message.publish_time.nanos // 1_000,
            )
            for message, ack_id in ((each.message, each.ack_id) for each in received)
            if self._flight.admit(message.message_id, ack_id)
        ]
        with self._lock:
            self._pulling_since_us = None
            if fresh:
                self._queue.extend(fresh)
                self._watermark.observe(min(m.publish_time_us or 0 for m in fresh))
                self.last_busy_us = now_us()
                self._arrived.notify_all()

    def _acknowledge(self) -> None:
        while not self._stop_serving.wait(ACKNOWLEDGE_INTERVAL_SECONDS):
            self._send_acknowledgements()
        self._send_acknowledgements()

    def _send_acknowledgements(self) -> None:
        ack_ids = self._flight.take_acknowledgements()
        for start in range(0, len(ack_ids), IDS_IN_REQUEST):
            request = AcknowledgeRequest(
                subscription=self._subscription, ack_ids=ack_ids[start : start + IDS_IN_REQUEST]
            )
            if not self._sent(self._client.transport.acknowledge, request):
                self._flight.put_back(ack_ids[start:])
                return

    def _extend_leases(self) -> None:
        while not self._stop_serving.wait(LEASE_INTERVAL_SECONDS):
            self._change_deadlines(LEASE_SECONDS)

    def _change_deadlines(self, seconds: int) -> None:
        """Let the leases of all that is in flight end `seconds` from now."""
        leases = self._flight.leases()
        for start in range(0, len(leases), IDS_IN_REQUEST):
            request = ModifyAckDeadlineRequest(
                subscription=self._subscription,
                ack_ids=leases[start : start + IDS_IN_REQUEST],
                ack_deadline_seconds=seconds,
            )
            if not self._sent(self._client.transport.modify_ack_deadline, request):
                break

    def _sent(self, call: Callable[..., Any], request: Any) -> bool:
        """Whether the request went through; a failure that may pass is left for the next round."""
        try:
            call(request, timeout=10)
        except grpc.RpcError as failure:
            if failure.code() not in PASSING_CODES:
                raise
            LOGGER.warning("cannot reach %s: %s", self._subscription, failure.code())
            return False
        return True
