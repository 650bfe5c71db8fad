"""Ids of messages, rows and dead letters in a file of this machine, so that memory does not hold them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from pipeline.bigquery_refusals import STAGES
from pipeline.reconcile.books import Archive, Key, Missing, Published, Strange
from pipeline.reconcile.findings import MAX_IDS

LOOKUP_IDS = 5_000
"""Ids in one question to BigQuery."""

_TABLES = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -64000;
    CREATE TABLE messages (
      message_id TEXT, event_type TEXT, event_id TEXT, time_us INTEGER, is_named INTEGER, start_s INTEGER);
    CREATE TABLE landed (event_type TEXT, event_id TEXT, start_s INTEGER);
    CREATE TABLE letters (message_id TEXT, event_type TEXT, is_of_event INTEGER, start_s INTEGER);
"""
_INDEXES = """
    CREATE INDEX IF NOT EXISTS message_of_id ON messages (message_id);
    CREATE INDEX IF NOT EXISTS message_of_event ON messages (event_type, event_id);
    CREATE INDEX IF NOT EXISTS landed_event ON landed (event_type, event_id);
    CREATE INDEX IF NOT EXISTS letter_of_id ON letters (message_id);
"""
# A message is accounted for if it is a dead letter, or if its event is in the table, or if another message of
# its event is a dead letter from behind de-duplication: BigQuery has refused it, or was away.
_MISSING = """
    SELECT DISTINCT message_id, event_type, event_id, start_s, time_us FROM messages AS m
    WHERE (start_s IS NULL OR start_s >= :since AND start_s < :until)
      AND (event_id IS NOT NULL OR is_named)
      AND NOT EXISTS (SELECT 1 FROM letters AS l WHERE l.message_id = m.message_id)
      AND NOT EXISTS (SELECT 1 FROM landed AS e WHERE e.event_type = m.event_type AND e.event_id = m.event_id)
      AND NOT EXISTS (
        SELECT 1 FROM messages AS s JOIN letters AS l USING (message_id)
        WHERE l.is_of_event AND s.event_type = m.event_type AND s.event_id = m.event_id)
    ORDER BY event_type, event_id, time_us, message_id
"""
_PUBLISHED = """
    SELECT start_s, event_type, COUNT(DISTINCT message_id), COUNT(*) FROM messages
    WHERE start_s IS NULL OR start_s >= :since AND start_s < :until GROUP BY start_s, event_type
"""
_STRANGE_EVENTS = """
    SELECT DISTINCT start_s, event_type, event_id FROM landed AS e
    WHERE start_s IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM messages AS m WHERE m.event_type = e.event_type AND m.event_id = e.event_id)
"""
_STRANGE_LETTERS = """
    SELECT DISTINCT start_s, event_type, message_id FROM letters AS l
    WHERE start_s IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM messages AS m WHERE m.message_id = l.message_id)
"""
_LANDED_LETTERS = """
    SELECT start_s, event_type, COUNT(DISTINCT message_id) FROM letters AS l
    WHERE start_s IS NOT NULL AND is_of_event AND EXISTS (
      SELECT 1 FROM messages AS m JOIN landed AS e USING (event_type, event_id)
      WHERE m.message_id = l.message_id)
    GROUP BY start_s, event_type
"""


class Message(NamedTuple):
    """A message of the files."""

    message_id: str
    event_type: str
    event_id: str | None
    """None: it breaks the contract."""
    time_us: int | None
    """Its publish time, or its event time without one; None: it has neither."""
    is_named: bool = True
    """Whether the file says its id; else no dead letter can be told to be its."""


class Scratch:
    """A database in a temporary file; a context manager."""

    def __init__(self, folder: Path, window_seconds: int, since_s: int, until_s: int) -> None:
        """Judge windows of `window_seconds` that begin in [since_s, until_s)."""
        self._window_seconds = window_seconds
        self._range = {"since": since_s, "until": until_s}
        self._database = sqlite3.connect(folder / "ids.sqlite", isolation_level=None)
        self._database.executescript(_TABLES)
        self._database.execute("BEGIN")

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add_messages(self, messages: Iterable[Message]) -> None:
        """Take in messages of the files, also those outside of the range: an event may be theirs."""
        rows = ((*each, None if each.time_us is None else self._start_s(each.time_us)) for each in messages)
        self._database.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)

    def add_rows(self, event_type: str, rows: Iterable[tuple[str, int | None]]) -> None:
        """Take in (event_id, publish time in µs) of an event table.

        No time if it is outside of the range: such a row is kept only if the files have its event.
        """
        self._database.executemany(
            """INSERT INTO landed SELECT ?1, ?2, ?3 WHERE ?3 IS NOT NULL OR EXISTS (
                 SELECT 1 FROM messages WHERE event_type = ?1 AND event_id = ?2)""",
            ((event_type, event_id, None if us is None else self._start_s(us)) for event_id, us in rows),
        )

    def add_letters(self, letters: Iterable[tuple[str, str, str, int | None]]) -> None:
        """Take in (message_id, event type, stage, publish time in µs).

        No time if it is outside of the range: such a letter is kept only if the files have its message.
        """
        self._database.executemany(
            """INSERT INTO letters SELECT ?1, ?2, ?3, ?4 WHERE ?4 IS NOT NULL OR EXISTS (
                 SELECT 1 FROM messages WHERE message_id = ?1)""",
            (
                (message_id, event_type, stage in STAGES, None if us is None else self._start_s(us))
                for message_id, event_type, stage, us in letters
            ),
        )

    def find_missing(self, until_s: int | None) -> dict[str, int]:
        """How many messages are missing in windows that end by `until_s`, by event type."""
        self._database.executescript(f"{_INDEXES} BEGIN;")  # it commits what is open
        # A copy: what is found is added to the tables that the question reads.
        self._database.execute(f"CREATE TEMP TABLE unseen AS {_MISSING}", self._range)
        ends = -1 if until_s is None else until_s - self._window_seconds
        self._database.execute("DELETE FROM unseen WHERE start_s > ?", (ends,))
        return dict(self._ask("SELECT event_type, COUNT(*) FROM unseen GROUP BY event_type"))

    def missing_ids(self) -> Iterator[tuple[list[tuple[str, str]], list[str]]]:
        """([(event type, event id)], [message id]) of what was found to be missing.

        In batches for a question each: what is outside of the range may account for them.
        """
        rows = self._database.execute("SELECT * FROM unseen ORDER BY rowid")
        while batch := list(islice(rows, LOOKUP_IDS)):
            events = sorted({(kind, event_id) for _, kind, event_id, _, _ in batch if event_id is not None})
            message_ids = {message_id for message_id, *_ in batch}
            for kind, event_id in events:
                message_ids.update(
                    found
                    for (found,) in self._database.execute(
                        "SELECT message_id FROM messages WHERE event_type = ? AND event_id = ?",
                        (kind, event_id),
                    )
                )
            yield events, sorted(message_ids)

    def archive(self) -> Archive:
        """What the files say against what the tables hold, now that all ids are here."""
        self._database.executescript(f"{_INDEXES} BEGIN;")  # it commits what is open
        published: dict[Key, Published] = {}
        undated: dict[str, Published] = {}
        for start_s, event_type, messages, copies in self._ask(_PUBLISHED):
            if start_s is None:
                undated[event_type] = Published(messages, copies)
            else:
                published[Key(start_s, event_type)] = Published(messages, copies)
        missing, undated_missing = self._missing()
        landed = {Key(start_s, kind): number for start_s, kind, number in self._ask(_LANDED_LETTERS)}
        return Archive(published, missing, self._strange(), undated, undated_missing, landed)

    def _missing(self) -> tuple[dict[Key, Missing], dict[str, Missing]]:
        dated: dict[Key, Missing] = {}
        undated: dict[str, Missing] = {}
        before: tuple[str, str] | None = None
        for message_id, event_type, event_id, start_s, _ in self._ask(_MISSING):
            key = Key(start_s, event_type)
            found = (undated.get(event_type) if start_s is None else dated.get(key)) or Missing()
            found = found._replace(messages=found.messages + 1)
            if event_id is None:
                ids = (*found.refused_message_ids, message_id)[:MAX_IDS]
                found = found._replace(refused=found.refused + 1, refused_message_ids=ids)
            elif before != (event_type, event_id):
                ids = (*found.event_message_ids, message_id)[:MAX_IDS]
                found = found._replace(events=found.events + 1, event_message_ids=ids)
            before = None if event_id is None else (event_type, event_id)
            if start_s is None:
                undated[event_type] = found
            else:
                dated[key] = found
        return dated, undated

    def _strange(self) -> dict[Key, Strange]:
        strange: dict[Key, Strange] = {}
        for start_s, event_type, event_id in self._ask(_STRANGE_EVENTS):
            found = strange.get(Key(start_s, event_type), Strange())
            ids = (*found.event_ids, event_id)[:MAX_IDS]
            strange[Key(start_s, event_type)] = found._replace(events=found.events + 1, event_ids=ids)
        for start_s, event_type, message_id in self._ask(_STRANGE_LETTERS):
            found = strange.get(Key(start_s, event_type), Strange())
            ids = (*found.message_ids, message_id)[:MAX_IDS]
            strange[Key(start_s, event_type)] = found._replace(letters=found.letters + 1, message_ids=ids)
        return strange

    def _ask(self, question: str) -> Iterator[tuple[Any, ...]]:
        yield from self._database.execute(question, self._range)

    def _start_s(self, time_us: int) -> int:
        return time_us // 1_000_000 // self._window_seconds * self._window_seconds
