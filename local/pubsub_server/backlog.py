"""What one subscription still owes its subscribers: waiting and leased messages.

A message is in a backlog until it is acknowledged (or outlives the retention). It waits until it
is taken; then it is leased until its deadline, and without an acknowledgement it waits again, at once
or after a back-off. All times are microseconds since the epoch and come in as arguments.
"""

from __future__ import annotations

import heapq
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple


class StoredMessage(NamedTuple):
    """A published message, shared by all backlogs that hold it."""

    message_id: int
    publish_time_us: int
    field: bytes
    """The serialized PubsubMessage, framed as the `message` field of a ReceivedMessage."""


class AckId(NamedTuple):
    """Names one delivery of one message; message ids are never used twice, so neither are these."""

    message_id: int
    attempt: int


class Delivery(NamedTuple):
    """A message handed to a subscriber."""

    ack_id: AckId
    attempt: int
    message: StoredMessage


@dataclass(frozen=True)
class Backoff:
    """How long a message rests after a delivery that was not acknowledged."""

    minimum_us: int
    maximum_us: int

    def delay_us(self, attempt: int) -> int:
        """Double the minimum with every attempt, up to the maximum."""
        return min(self.maximum_us, self.minimum_us << min(attempt - 1, 40))


@dataclass(frozen=True)
class Terms:
    """The settings of a subscription that decide what happens to its messages."""

    ack_deadline_us: int
    retention_us: int
    backoff: Backoff | None = None
    max_delivery_attempts: int | None = None
    """After so many, a message goes to `on_undeliverable`; it is delivered again where that says False."""


@dataclass(eq=False)
class FlowControl:
    """What a receiver has in hand, and the most it wants; 0 or less is no limit."""

    max_messages: int = 0
    max_bytes: int = 0
    messages: int = 0
    bytes: int = 0

    @property
    def is_full(self) -> bool:
        """Whether the receiver wants nothing more for now."""
        return 0 < self.max_messages <= self.messages or 0 < self.max_bytes <= self.bytes


class _Entry:
    """A message in this backlog and where it stands."""

    __slots__ = ("attempt", "due_us", "flow", "message")

    def __init__(self, message: StoredMessage) -> None:
        self.message = message
        self.attempt = 0  # deliveries so far
        self.due_us = 0  # end of the lease or of the back-off; 0 while waiting
        self.flow: FlowControl | None = None  # who holds the lease; None without one


class Backlog:
    """The messages of one subscription. Not for use by several threads at once."""

    def __init__(
        self,
        terms: Terms,
        on_undeliverable: Callable[[StoredMessage, int], bool] = lambda message, attempts: False,
    ) -> None:
        """Start empty; `terms` may be replaced at any time."""
        self.terms = terms
        self.retained_bytes = 0
        self._on_undeliverable = on_undeliverable
        self._no_limit = FlowControl()
        self._entries: dict[int, _Entry] = {}
        self._waiting: deque[int] = deque()  # ids; those acknowledged meanwhile are skipped when met
        # (due_us, serial, ids): one entry for all messages that fall due together, so that a lease
        # costs nothing per message. An id whose entry says another due_us is settled or renewed.
        self._due: list[tuple[int, int, array[int]]] = []
        self._serial = 0
        self._oldest_us = 0  # no message is older

    def __len__(self) -> int:
        """Return how many messages are not acknowledged."""
        return len(self._entries)

    def add(self, messages: Iterable[StoredMessage]) -> None:
        """Take in newly published messages."""
        for message in messages:
            if not self._entries:
                self._oldest_us = message.publish_time_us
            self._entries[message.message_id] = _Entry(message)
            self._waiting.append(message.message_id)
            self.retained_bytes += len(message.field)

    def has_waiting(self) -> bool:
        """Whether something waits, as of the last `release`."""
        waiting, entries = self._waiting, self._entries
        while waiting and waiting[0] not in entries:
            waiting.popleft()
        return bool(waiting)

    def take(
        self,
        now_us: int,
        max_messages: int,
        max_bytes: int,
        flow: FlowControl | None = None,
        lease_us: int | None = None,
    ) -> list[Delivery]:
        """Lease waiting messages, oldest first, for `lease_us` (default: the ack deadline).

        Stops at `max_messages`, before passing `max_bytes` (yet one message always fits), and where
        `flow` is full. Messages count into `flow` until they are acknowledged or given back.
        """
        self.release(now_us)
        flow = flow or self._no_limit
        due_us = now_us + (self.terms.ack_deadline_us if lease_us is None else lease_us)
        waiting, entries = self._waiting, self._entries
        deliveries: list[Delivery] = []
        leased: array[int] = array("q")
        taken_bytes = 0
        while waiting and len(deliveries) < max_messages and not flow.is_full:
            entry = entries.get(waiting[0])
            if entry is not None:
                size = len(entry.message.field)
                if deliveries and taken_bytes + size > max_bytes:
                    break
                taken_bytes += size
                message_id = entry.message.message_id
                entry.attempt += 1
                entry.due_us = due_us
                entry.flow = flow
                flow.messages += 1
                flow.bytes += size
                leased.append(message_id)
                deliveries.append(Delivery(AckId(message_id, entry.attempt), entry.attempt, entry.message))
            waiting.popleft()
        self._schedule(due_us, leased)
        return deliveries

    def acknowledge(self, ack_ids: Iterable[AckId]) -> None:
        """Forget these messages, even where the lease has run out; unknown ids are ignored."""
        for message_id, _ in ack_ids:
            entry = self._entries.pop(message_id, None)
            if entry is not None:
                self._end_lease(entry)
                self.retained_bytes -= len(entry.message.field)

    def extend(self, ack_ids: Iterable[AckId], now_us: int, lease_us: int) -> None:
        """Let the leases end `lease_us` from now; those that have already ended are ignored."""
        due_us = now_us + lease_us
        renewed: array[int] = array("q")
        for ack_id in ack_ids:
            entry = self._leased(ack_id)
            if entry is not None:
                entry.due_us = due_us
                renewed.append(ack_id[0])
        self._schedule(due_us, renewed)

    def give_back(self, ack_ids: Iterable[AckId], now_us: int) -> None:
        """End the leases unacknowledged (a nack); those that have already ended are ignored."""
        for ack_id in ack_ids:
            entry = self._leased(ack_id)
            if entry is not None:
                self._retry(entry, now_us)

    def release(self, now_us: int) -> None:
        """Let everything wait again whose lease or back-off is over, and drop what is too old."""
        while self._due and self._due[0][0] <= now_us:
            due_us, _, message_ids = heapq.heappop(self._due)
            for message_id in message_ids:
                entry = self._entries.get(message_id)
                if entry is None or entry.due_us != due_us:
                    continue
                if entry.flow is not None:
                    self._retry(entry, due_us)
                else:
                    self._wait(entry)
        if self._entries and now_us - self._oldest_us > self.terms.retention_us:
            self.drop_published_before(now_us - self.terms.retention_us)

    def drop_published_before(self, time_us: int) -> None:
        """Forget the messages published before this time, whoever holds them."""
        old: list[AckId] = []
        for message_id, entry in self._entries.items():  # in the order of publishing
            if entry.message.publish_time_us >= time_us:
                self._oldest_us = entry.message.publish_time_us
                break
            old.append(AckId(message_id, 0))
        self.acknowledge(old)

    def _leased(self, ack_id: AckId) -> _Entry | None:
        entry = self._entries.get(ack_id[0])
        if entry is None or entry.flow is None or entry.attempt != ack_id[1]:
            return None
        return entry

    def _end_lease(self, entry: _Entry) -> None:
        if entry.flow is not None:
            entry.flow.messages -= 1
            entry.flow.bytes -= len(entry.message.field)
            entry.flow = None

    def _wait(self, entry: _Entry) -> None:
        # Behind what already waits: a message that is always refused must not hold up the others.
        entry.due_us = 0
        self._waiting.append(entry.message.message_id)

    def _retry(self, entry: _Entry, now_us: int) -> None:
        """Decide what becomes of a message whose delivery has failed."""
        self._end_lease(entry)
        terms = self.terms
        if (
            terms.max_delivery_attempts is not None
            and entry.attempt >= terms.max_delivery_attempts
            and self._on_undeliverable(entry.message, entry.attempt)
        ):
            self.acknowledge([AckId(entry.message.message_id, entry.attempt)])
        elif terms.backoff is not None:
            entry.due_us = now_us + terms.backoff.delay_us(entry.attempt)
            self._schedule(entry.due_us, array("q", (entry.message.message_id,)))
        else:
            self._wait(entry)

    def _schedule(self, due_us: int, message_ids: array[int]) -> None:
        if message_ids:
            self._serial += 1
            heapq.heappush(self._due, (due_us, self._serial, message_ids))
