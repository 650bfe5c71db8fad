"""One replay: letter by letter from a source to the topic, each recorded before it is settled."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.clock import now_us
from pipeline.errors import PipelineError
from pipeline.publishing import MAX_MESSAGE_BYTES
from pipeline.replay.filters import Filters
from pipeline.replay.letters import Letter, Source
from pipeline.replay.marks import message_bytes
from pipeline.replay.prepare import Choice, Left, Prepared, event_of, prepare
from pipeline.replay.send import Sender
from pipeline.replay.warehouse import Replay, Warehouse

BATCH_MESSAGES = 100
"""Messages of one publish and one write to `replays`: what a kill can leave published and unrecorded."""
BATCH_BYTES = 4_000_000


class Settings(NamedTuple):
    """What one replay does."""

    filters: Filters
    choice: Choice
    replay_id: str
    dry_run: bool
    limit: int | None
    """Letters that are replayed at most."""
    rate: float | None
    """Messages per second at most."""


class Tally:
    """What has become of the letters so far."""

    def __init__(self) -> None:
        self.read = 0
        self.published = 0
        self.repaired = 0
        self.filtered_out = 0
        self.replayed_before = 0
        self.came_back = 0
        """Letters left because this very run has published their messages."""
        self.left: Counter[str] = Counter()
        self.details: dict[str, str] = {}
        """For each reason to leave letters, what was said of the first one."""

    def leave(self, left: Left) -> None:
        """Count a letter that is left."""
        self.left[left.why] += 1
        if left.detail:
            self.details.setdefault(left.why, f"{left.letter.dead_letter_id}: {left.detail}")


Observer = Callable[[Prepared | Left], None]
"""Told of each letter what becomes of it."""


class Run:
    """A replay under way."""

    def __init__(
        self,
        source: Source,
        warehouse: Warehouse,
        sender: Sender | None,
        settings: Settings,
        stopped: Callable[[], bool],
    ) -> None:
        """Replay what `source` has; `sender` is None in a dry run."""
        self.tally = Tally()
        self._source = source
        self._warehouse = warehouse
        self._sender = sender
        self._settings = settings
        self._stopped = stopped
        self._begun = time.monotonic()

    def go(self, observe: Observer, progress: Callable[[], None]) -> None:
        """Replay until the source is empty, the limit is reached, or the run is stopped.

        Raises UsageError, BigQueryUnavailable, TableNotWritable, RowsRefused, PipelineError; what was
        published until then is recorded, except where the message says otherwise.
        """
        for letters in self._source.batches():
            for messages in _requests(self._outgoing(letters, observe)):
                self._publish(messages)
                progress()
                if self._stopped():
                    return
            progress()
            if self._stopped() or self._room() == 0:
                return

    def _outgoing(self, letters: Sequence[Letter], observe: Observer) -> Iterator[Prepared]:
        """What is to be published of a batch."""
        tally, settings = self.tally, self._settings
        tally.read += len(letters)
        meant = [letter for letter in letters if settings.filters.match(letter)]
        tally.filtered_out += len(letters) - len(meant)
        if not meant:
            return
        earlier = self._warehouse.earlier(meant, settings.replay_id)
        before = [letter.dead_letter_id for letter in meant if letter.dead_letter_id in earlier.replayed]
        tally.replayed_before += len(before)
        if not settings.dry_run:
            self._source.settle(before)
        # A running pipeline may refuse a message again while this run still reads: once is enough.
        back = [letter for letter in meant if letter.message_id in earlier.of_this_run]
        tally.came_back += len(back)
        done = {*earlier.replayed, *(letter.dead_letter_id for letter in back)}
        fresh = [letter for letter in meant if letter.dead_letter_id not in done]
        room, taken = self._room(), 0
        for outcome in prepare(fresh, earlier.counts, self._warehouse, settings.choice):
            if isinstance(outcome, Prepared) and room is not None and taken == room:
                return
            observe(outcome)
            if isinstance(outcome, Left):
                tally.leave(outcome)
            else:
                taken += 1
                if settings.dry_run:
                    self._count(outcome)
                else:
                    yield outcome

    def _room(self) -> int | None:
        limit = self._settings.limit
        return None if limit is None else limit - self.tally.published

    def _count(self, prepared: Prepared) -> None:
        self.tally.published += 1
        self.tally.repaired += prepared.repaired

    def _publish(self, messages: list[Prepared]) -> None:
        """Publish, record, settle: in this order, so that nothing is lost wherever it ends."""
        if self._sender is None:
            raise ValueError("a dry run publishes nothing")
        message_ids = self._sender.send([each.message for each in messages])
        rows = [
            Replay(
                each.letter.dead_letter_id,
                message_id,
                each.replay_count,
                each.repaired,
                each.original_sha256,
                *event_of(each.message),
            )
            for each, message_id in zip(messages, message_ids, strict=True)
        ]
        try:
            self._warehouse.record(rows, self._settings.replay_id, self._sender.topic, now_us())
        except PipelineError as error:
            raise PipelineError(
                f"{len(rows):,} messages are published and not recorded, so that the next replay publishes "
                f"them again: {error}"
            ) from error
        for each in messages:
            self._count(each)
        self._source.settle([each.letter.dead_letter_id for each in messages])
        self._keep_to_the_rate()

    def _keep_to_the_rate(self) -> None:
        if self._settings.rate is not None:
            due = self._begun + self.tally.published / self._settings.rate
            while not self._stopped() and (wait_seconds := due - time.monotonic()) > 0:
                time.sleep(min(wait_seconds, 0.1))


def _requests(messages: Iterable[Prepared]) -> Iterator[list[Prepared]]:
    """Cut messages into publish requests."""
    batch: list[Prepared] = []
    batch_bytes = 0
    for each in messages:
        size = message_bytes(each.message)
        if batch and batch_bytes + size > MAX_MESSAGE_BYTES:
            yield batch
            batch, batch_bytes = [], 0
        batch.append(each)
        batch_bytes += size
        if len(batch) == BATCH_MESSAGES or batch_bytes >= BATCH_BYTES:
            yield batch
            batch, batch_bytes = [], 0
    if batch:
        yield batch
