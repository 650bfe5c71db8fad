"""Dead letters from the DLQ subscription: leased while the run lasts, acknowledged once replayed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from google.api_core.exceptions import (
    DeadlineExceeded,
    Forbidden,
    GoogleAPIError,
    InvalidArgument,
    NotFound,
    ServiceUnavailable,
)

from pipeline.errors import PipelineError, UsageError, in_one_line
from pipeline.replay.letters import Letter, NoDeadLetter, letter_of_message
from pipeline.subscriber import subscriber_client

PULL_MESSAGES = 500
PULL_SECONDS = 2.0
"""How long a pull waits for messages, and so how soon the run can be stopped."""
CALL_SECONDS = 20.0
LEASE_SECONDS = 60
LEASE_INTERVAL_SECONDS = 15.0
IDS_IN_REQUEST = 2_500
"""Pub/Sub takes requests of 512 KiB, and an acknowledgement id has about 200 bytes."""
PATIENCE_SECONDS = 60.0


class SubscriptionSource:
    """The dead letters that wait in a subscription.

    Of those that are left only the acknowledgement ids are kept. Their leases are extended until the
    run ends, so that none comes twice, and then given up, so that others see them at once.
    """

    tables = ("replays", "dead_letters")
    """What must be there."""

    def __init__(self, subscription: str, idle_seconds: float, stopped: Callable[[], bool]) -> None:
        """Read until nothing has come for `idle_seconds` or `stopped()`."""
        self._subscription = subscription
        self._idle_seconds = idle_seconds
        self._stopped = stopped
        self._client = subscriber_client()
        self._lock = threading.Lock()
        self._leases: dict[str, str] = {}  # message id -> acknowledgement id, of all that is not settled
        self._copies: dict[str, list[str]] = {}  # dead_letter_id -> message ids, of the batch
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep_leases, name="leases", daemon=True)
        self.foreign = 0
        """Messages that are no dead letters; they are left."""

    def batches(self) -> Iterator[list[Letter]]:
        """Yield each pull's letters, once each.

        Raises UsageError if the subscription is missing or closed to us, PipelineError if Pub/Sub cannot
        be reached.
        """
        self._keeper.start()
        last_busy = time.monotonic()
        while not self._stopped() and time.monotonic() - last_busy < self._idle_seconds:
            fresh = self._take_in(self._pull())
            self._copies.clear()
            letters = {}
            for message in fresh:
                try:
                    letter = letter_of_message(message.data, dict(message.attributes))
                except NoDeadLetter:
                    self.foreign += 1
                    continue
                letters[letter.dead_letter_id] = letter
                self._copies.setdefault(letter.dead_letter_id, []).append(message.message_id)
            if letters:
                yield list(letters.values())
            if fresh:
                last_busy = time.monotonic()

    def settle(self, letter_ids: Sequence[str]) -> None:
        """Acknowledge letters of the last batch, with all their copies in it.

        Raises PipelineError if Pub/Sub cannot be reached.
        """
        copies = [message_id for letter_id in letter_ids for message_id in self._copies.pop(letter_id, ())]
        with self._lock:
            ack_ids = [self._leases.pop(message_id) for message_id in copies if message_id in self._leases]
        try:
            for ids in _cut(ack_ids):
                self._client.acknowledge(subscription=self._subscription, ack_ids=ids, timeout=CALL_SECONDS)
        except GoogleAPIError as error:
            raise PipelineError(
                f"{self._subscription} takes no acknowledgement: {in_one_line(error)}; what was replayed is "
                "recorded, and will be acknowledged by the next replay."
            ) from error

    def close(self) -> None:
        """Give up the leases of what was not settled."""
        self._closing.set()
        if self._keeper.ident is not None:
            self._keeper.join()
        with self._lock:
            ack_ids = list(self._leases.values())
            self._leases.clear()
        self._set_deadline(ack_ids, 0)
        self._client.close()

    def _pull(self) -> Sequence[Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        request = {"subscription": self._subscription, "max_messages": PULL_MESSAGES}
        while True:
            try:
                answer = self._client.pull(request=request, timeout=PULL_SECONDS, retry=None)
            except DeadlineExceeded:
                return ()
            except ServiceUnavailable as error:
                if self._stopped() or time.monotonic() > deadline:
                    raise PipelineError(
                        f"{self._subscription} cannot be read: {in_one_line(error)}"
                    ) from error
                time.sleep(1.0)
            except NotFound as error:
                raise UsageError(
                    f"--dlq_subscription={self._subscription} does not exist: create it, or name another."
                ) from error
            except (Forbidden, InvalidArgument) as error:
                raise UsageError(
                    f"--dlq_subscription={self._subscription} cannot be read: {in_one_line(error)}"
                ) from error
            else:
                return list(answer.received_messages)

    def _take_in(self, received: Sequence[Any]) -> list[Any]:
        """Lease what was pulled; return the messages that were not here before."""
        self._set_deadline([each.ack_id for each in received], LEASE_SECONDS)
        with self._lock:
            fresh = [each.message for each in received if each.message.message_id not in self._leases]
            self._leases.update((each.message.message_id, each.ack_id) for each in received)
        return fresh

    def _keep_leases(self) -> None:
        while not self._closing.wait(LEASE_INTERVAL_SECONDS):
            with self._lock:
                ack_ids = list(self._leases.values())
            self._set_deadline(ack_ids, LEASE_SECONDS)

    def _set_deadline(self, ack_ids: list[str], seconds: int) -> None:
        # A lease that is lost brings its letter once more, and `replays` knows whether it was replayed.
        with contextlib.suppress(GoogleAPIError):
            for ids in _cut(ack_ids):
                self._client.modify_ack_deadline(
                    subscription=self._subscription,
                    ack_ids=ids,
                    ack_deadline_seconds=seconds,
                    timeout=CALL_SECONDS,
                )


def _cut(ack_ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ack_ids), IDS_IN_REQUEST):
        yield ack_ids[start : start + IDS_IN_REQUEST]
