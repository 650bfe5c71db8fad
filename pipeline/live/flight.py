"""Which messages are in flight: pulled, handed to the graph, and not yet acknowledged."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

REMEMBERED_DONE = 100_000
"""How many finished message ids are kept, to recognise a redelivery whose acknowledgement was lost."""


class InFlight:
    """The ledger of deliveries. Thread-safe.

    A message delivered again while it is in flight only renews its acknowledgement id; one delivered
    again after it was finished is acknowledged at once. So each message enters the graph once, however
    often Pub/Sub delivers it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._ack_ids: dict[str, str] = {}
        self._done: OrderedDict[str, None] = OrderedDict()
        self._to_acknowledge: list[str] = []
        self.admitted = 0
        self.finished = 0

    def admit(self, message_id: str, ack_id: str) -> bool:
        """Whether the message is new and is to enter the graph."""
        with self._lock:
            if message_id in self._done:
                self._to_acknowledge.append(ack_id)
                return False
            known = message_id in self._ack_ids
            self._ack_ids[message_id] = ack_id
            if not known:
                self.admitted += 1
            return not known

    def finish(self, message_ids: Iterable[str]) -> None:
        """The sinks have what these messages held: acknowledge them with the next batch."""
        with self._lock:
            for message_id in message_ids:
                ack_id = self._ack_ids.pop(message_id, None)
                if ack_id is None:
                    continue
                self.finished += 1
                self._to_acknowledge.append(ack_id)
                self._done[message_id] = None
            while len(self._done) > REMEMBERED_DONE:
                self._done.popitem(last=False)
            self._settled.notify_all()

    def take_acknowledgements(self) -> list[str]:
        """The acknowledgement ids to send now; the caller must send them or put them back."""
        with self._lock:
            taken, self._to_acknowledge = self._to_acknowledge, []
            return taken

    def put_back(self, ack_ids: list[str]) -> None:
        """Return acknowledgement ids that could not be sent."""
        with self._lock:
            self._to_acknowledge = ack_ids + self._to_acknowledge

    def leases(self) -> list[str]:
        """The acknowledgement ids whose deadline must be extended."""
        with self._lock:
            return list(self._ack_ids.values())

    def count(self) -> int:
        """Messages in the graph."""
        with self._lock:
            return len(self._ack_ids)

    def wait_below(self, limit: int, timeout_seconds: float) -> bool:
        """Wait until fewer than `limit` messages are in flight; False after `timeout_seconds`."""
        with self._lock:
            return self._settled.wait_for(lambda: len(self._ack_ids) < limit, timeout_seconds)
