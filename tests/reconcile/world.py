"""A shop's messages, what a pipeline makes of them, and what may go wrong: without a warehouse."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.reconcile.books import Archive, Books, Counted, Key, Stored
from pipeline.reconcile.scratch import Message, Scratch

WINDOW_SECONDS = 5
WINDOWS = 4
TABLES = {"order": "orders", "inventory": "inventory_logs"}


class Landed(NamedTuple):
    """What a pipeline has made of messages."""

    rows: dict[Message, str]
    """The message that brought each event -> event id."""
    letters: dict[Message, str]
    """Message -> the stage that refused it."""
    ledger: dict[Key, Counted]


def key_of(message: Message) -> Key:
    assert message.time_us is not None
    return Key(message.time_us // 1_000_000 // WINDOW_SECONDS * WINDOW_SECONDS, message.event_type)


def run_pipeline(
    messages: Iterable[Message], refused_by_bigquery: Collection[str] = (), given_up: Collection[str] = ()
) -> Landed:
    """One run over messages in order: an event once, then duplicates; what breaks the contract is refused.

    BigQuery refuses some events, and is away when others come.
    """
    rows: dict[Message, str] = {}
    letters: dict[Message, str] = {}
    words: dict[Key, Counter[str]] = {}
    seen: set[tuple[str, str]] = set()
    for message in messages:
        event = (message.event_type, message.event_id or "")
        if message.event_id is None:
            word, letters[message] = "rejected", "parse"
        elif event in seen:
            word = "duplicates"
        elif message.event_id in refused_by_bigquery:
            word, letters[message] = "rejected", "bigquery"
        elif message.event_id in given_up:
            word, letters[message] = "rejected", "bigquery_unavailable"
        else:
            word, rows[message] = "accepted", message.event_id
        seen.add(event)
        words.setdefault(key_of(message), Counter())[word] += 1
    ledger = {
        key: Counted(
            found.total(),
            found["accepted"],
            found["duplicates"],
            found["rejected"],
            1,
            found["accepted"],
            found["rejected"],
            found["accepted"],
            found["rejected"],
        )
        for key, found in words.items()
    }
    return Landed(rows, letters, ledger)


def stored(messages: Iterable[Message]) -> dict[Key, Stored]:
    counts = Counter(key_of(message) for message in messages)
    return {key: Stored(count, count) for key, count in counts.items()}


def archive_of(messages: Iterable[Message], landed: Landed) -> Archive:
    """What comparing the ids says, by the scratch database itself."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Scratch(Path(folder), WINDOW_SECONDS, 0, WINDOWS * WINDOW_SECONDS) as scratch,
    ):
        scratch.add_messages(messages)
        for event_type in TABLES:
            rows = [(row, event_id) for row, event_id in landed.rows.items() if row.event_type == event_type]
            scratch.add_rows(event_type, [(event_id, row.time_us) for row, event_id in rows])
        scratch.add_letters(
            (letter.message_id, letter.event_type, stage, letter.time_us)
            for letter, stage in landed.letters.items()
        )
        return scratch.archive()


def books_of(landed: Landed, archive: Archive | None = None, finished_windows: int = WINDOWS) -> Books:
    return Books(
        WINDOW_SECONDS,
        finished_windows * WINDOW_SECONDS,
        TABLES,
        landed.ledger,
        stored(landed.rows),
        stored(landed.letters),
        archive=archive,
    )
