"""The replay's questions to BigQuery and its one table: `replays`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipeline.bigquery_client import table_id
from pipeline.bigquery_questions import Questions, strings
from pipeline.bigquery_rows import InsertSettings
from pipeline.bigquery_sink import insert_or_raise
from pipeline.replay.letters import Letter, attributes_of_row
from pipeline.rfc3339 import format_rfc3339
from pipeline.rows import row_of

REPLAYS = "replays"
PAGE_ROWS = 100
"""Rows of one answer, each with up to 1 MB of payload; BigQuery ends a page at about 10 MB by itself."""


class Replay(NamedTuple):
    """A row of `replays`, save what all rows of a run share."""

    letter_id: str
    message_id: str
    replay_count: int
    repaired: bool
    original_sha256: str
    event_type: str | None
    event_id: str | None


class Earlier(NamedTuple):
    """What `replays` says of some letters."""

    replayed: frozenset[str]
    """dead_letter_ids of those that were replayed."""
    counts: dict[str, int]
    """How often a message had been replayed when it was published, by its message_id."""
    of_this_run: frozenset[str]
    """message_ids of those that this very run has published."""


class Warehouse(Questions):
    """A dataset with the tables and views of the contract."""

    def __init__(self, dataset: str, insert: InsertSettings) -> None:
        """Take `project:dataset` and how rows are written."""
        super().__init__(dataset, PAGE_ROWS)
        self._insert = insert

    def earlier(self, letters: Sequence[Letter], replay_id: str) -> Earlier:
        """Look up `letters` in `replays`, for the run `replay_id`."""
        rows = self.ask(
            f"SELECT dead_letter_id, message_id, replay_count, replay_id FROM {self.name(REPLAYS)} "
            "WHERE dead_letter_id IN UNNEST(@letter_ids) OR message_id IN UNNEST(@message_ids)",
            [
                strings("letter_ids", (letter.dead_letter_id for letter in letters)),
                strings("message_ids", (letter.message_id for letter in letters if letter.message_id)),
            ],
        )
        replayed: set[str] = set()
        counts: dict[str, int] = {}
        ours: set[str] = set()
        for row in rows:
            replayed.add(row["dead_letter_id"])
            counts[row["message_id"]] = max(row["replay_count"], counts.get(row["message_id"], 0))
            if row["replay_id"] == replay_id:
                ours.add(row["message_id"])
        return Earlier(frozenset(replayed), counts, frozenset(ours))

    def attributes_of(self, letter_ids: Iterable[str]) -> dict[str, tuple[dict[str, str], str | None, int]]:
        """Look up what a message of the queue had no room for.

        Returns, by dead_letter_id: all original attributes, payload_uri, size of the payload.
        """
        wanted = list(letter_ids)
        if not wanted:
            return {}
        rows = self.ask(
            "SELECT dead_letter_id, attributes, payload_uri, payload_bytes "
            f"FROM {self.name('dead_letters')} WHERE dead_letter_id IN UNNEST(@letter_ids)",
            [strings("letter_ids", wanted)],
        )
        return {
            row["dead_letter_id"]: (attributes_of_row(row), row["payload_uri"], row["payload_bytes"])
            for row in rows
        }

    def record(self, replays: Sequence[Replay], replay_id: str, topic: str, replayed_at_us: int) -> None:
        """Write rows of `replays`.

        Raises RowsRefused, BigQueryUnavailable, TableNotWritable.
        """
        shared = {"replay_id": replay_id, "topic": topic, "replayed_at": format_rfc3339(replayed_at_us)}
        rows = []
        for replay in replays:
            columns = replay._asdict()
            letter_id = columns.pop("letter_id")
            key = (letter_id, replay.message_id)
            rows.append(row_of({"dead_letter_id": letter_id, **shared, **columns}, key))
        insert_or_raise(table_id(self.dataset, REPLAYS), rows, self._insert)
