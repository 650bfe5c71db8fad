"""What the reconciliation asks the tables of events and dead letters; all counting is done in BigQuery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from google.cloud import bigquery

from pipeline.bigquery_questions import Questions, strings
from pipeline.contract import Contract
from pipeline.reconcile.books import Key, Stored
from pipeline.reconcile.findings import MAX_IDS, SHOWN_TWICE, Finding
from pipeline.reconcile.span import START_US, Span
from pipeline.transforms.quality import UNKNOWN

PAGE_ROWS = 20_000


class Warehouse(Questions):
    """A dataset with the tables and views of the contract."""

    def __init__(self, dataset: str, contract: Contract) -> None:
        """Take `project:dataset`."""
        super().__init__(dataset, PAGE_ROWS)
        self.tables: Mapping[str, str] = {
            event_type: contract.table_of(event_type).name for event_type in contract.event_types
        }
        self._views = contract.views

    def events(self, span: Span) -> dict[Key, Stored]:
        """Rows of the event tables."""
        stored: dict[Key, Stored] = {}
        for event_type, table in self.tables.items():
            question = f"""
                SELECT {START_US} AS starts_us, COUNT(*) AS n, COUNT(DISTINCT event_id) AS different
                FROM {self.name(table)} WHERE publish_time >= @since AND publish_time < @until
                GROUP BY starts_us"""
            for row in self.ask(question, span.parameters()):
                stored[Key(row["starts_us"] // 1_000_000, event_type)] = Stored(row["n"], row["different"])
        return stored

    def letters(self, span: Span) -> tuple[dict[Key, Stored], dict[str, int]]:
        """Rows of dead_letters; and how many letters, by event type, have no publish time."""
        stored: dict[Key, Stored] = {}
        undated: dict[str, int] = {}
        question = f"""
            SELECT {START_US} AS starts_us, IFNULL(event_type, '{UNKNOWN}') AS kind, stage,
              COUNT(*) AS n, COUNT(DISTINCT dead_letter_id) AS different
            FROM {self.name("dead_letters")}
            WHERE publish_time IS NULL OR publish_time >= @since AND publish_time < @until
            GROUP BY starts_us, kind, stage ORDER BY stage"""
        for row in self.ask(question, span.parameters()):
            event_type, different = row["kind"], row["different"]
            if row["starts_us"] is None:
                undated[event_type] = undated.get(event_type, 0) + different
            else:
                key = Key(row["starts_us"] // 1_000_000, event_type)
                rows, others, stages = stored.get(key, Stored())
                stages = (*stages, (row["stage"], different))
                stored[key] = Stored(rows + row["n"], others + different, stages)
        return stored, undated

    def replayed(self, span: Span) -> dict[str, int]:
        """Messages of `replays`, by event type."""
        question = f"""
            SELECT IFNULL(event_type, '{UNKNOWN}') AS kind, COUNT(DISTINCT message_id) AS n
            FROM {self.name("replays")} WHERE replayed_at >= @since AND replayed_at < @until
            GROUP BY kind"""
        return {row["kind"]: row["n"] for row in self.ask(question, span.parameters())}

    def shown_twice(self, span: Span) -> Iterator[Finding]:
        """Events and dead letters that a view shows more than once."""
        for event_type, table in self.tables.items():
            yield from self._shown_twice(span, f"{table}_deduplicated", "event_id", event_type)
        yield from self._shown_twice(span, "dead_letters_deduplicated", "dead_letter_id", None)

    def _shown_twice(self, span: Span, view: str, column: str, event_type: str | None) -> Iterator[Finding]:
        if view not in self._views:
            return
        named = "event_id" if column == "event_id" else "message_id"
        # A view that is wrong may show everything twice: no more ids come than a finding names.
        question = f"""
            WITH repeated AS (
              SELECT {column}, MIN({named}) AS named, MIN({START_US}) AS starts_us
              FROM {self.name(view)} WHERE publish_time >= @since AND publish_time < @until
              GROUP BY {column} HAVING COUNT(*) > 1),
            numbered AS (
              SELECT starts_us, named, COUNT(*) OVER (PARTITION BY starts_us) AS n,
                ROW_NUMBER() OVER (PARTITION BY starts_us ORDER BY IF(named IS NULL, 1, 0), named) AS number
              FROM repeated)
            SELECT starts_us, named, n FROM numbered WHERE number <= {MAX_IDS}
            ORDER BY starts_us, number"""
        said = f"{view} shows some more than once: it is not the view of schemas.json."
        answer = self.ask(question, span.parameters())
        for (starts_us, count), rows in groupby(answer, lambda row: (row["starts_us"], row["n"])):
            ids = tuple(row["named"] for row in rows if row["named"] is not None)
            message_ids, event_ids = ((), ids) if column == "event_id" else (ids, ())
            yield Finding(
                SHOWN_TWICE, event_type, starts_us // 1_000_000, count, said, message_ids, event_ids
            )

    def event_ids(self, span: Span, event_type: str) -> Iterator[tuple[str, int]]:
        """(event_id, publish time in µs) of the rows of a table."""
        question = f"""
            SELECT event_id, UNIX_MICROS(publish_time) AS us FROM {self.name(self.tables[event_type])}
            WHERE publish_time >= @since AND publish_time < @until"""
        for row in self.ask(question, span.parameters()):
            yield row["event_id"], row["us"]

    def letter_ids(self, span: Span) -> Iterator[tuple[str, str, str, int | None]]:
        """(message_id, event type, stage, publish time in µs)."""
        yield from self._letter_ids(
            "(publish_time IS NULL OR publish_time >= @since AND publish_time < @until)", span.parameters()
        )

    def known_letters(
        self, message_ids: list[str] | None = None
    ) -> Iterator[tuple[str, str, str, int | None]]:
        """Those of the messages that are dead letters, whenever that was; None: of all."""
        found = self._letter_ids(*_among("message_id", message_ids))
        for message_id, event_type, stage, _ in found:
            yield message_id, event_type, stage, None

    def _letter_ids(
        self, condition: str, parameters: list[Any]
    ) -> Iterator[tuple[str, str, str, int | None]]:
        question = f"""
            SELECT message_id, IFNULL(event_type, '{UNKNOWN}') AS event_type, stage,
              UNIX_MICROS(publish_time) AS us
            FROM {self.name("dead_letters")} WHERE message_id IS NOT NULL AND {condition}"""
        for row in self.ask(question, parameters):
            yield row["message_id"], row["event_type"], row["stage"], row["us"]

    def known_events(self, event_type: str, event_ids: list[str] | None = None) -> Iterator[tuple[str, None]]:
        """Those of the events that are in their table, whenever they were published; None: of all."""
        condition, parameters = _among("event_id", event_ids)
        question = f"""
            SELECT DISTINCT event_id FROM {self.name(self.tables[event_type])} WHERE {condition}"""
        for row in self.ask(question, parameters):
            yield row["event_id"], None

    def some_ids(self, key: Key, window_seconds: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Up to ten message ids of dead letters, and as many event ids of rows, of one window."""
        window = Span(key.start_s, key.start_s + window_seconds, window_seconds).parameters()
        condition = "publish_time >= @since AND publish_time < @until"
        question = f"""
            SELECT DISTINCT message_id AS id FROM {self.name("dead_letters")}
            WHERE message_id IS NOT NULL AND IFNULL(event_type, '{UNKNOWN}') = @event_type AND {condition}
            ORDER BY id LIMIT {MAX_IDS}"""
        event_type = bigquery.ScalarQueryParameter("event_type", "STRING", key.event_type)
        message_ids = tuple(row["id"] for row in self.ask(question, [*window, event_type]))
        if key.event_type not in self.tables:
            return message_ids, ()
        question = f"""
            SELECT DISTINCT event_id AS id FROM {self.name(self.tables[key.event_type])}
            WHERE {condition} ORDER BY id LIMIT {MAX_IDS}"""
        return message_ids, tuple(row["id"] for row in self.ask(question, window))


def _among(column: str, values: list[str] | None) -> tuple[str, list[Any]]:
    """A condition in SQL, and its parameters."""
    return ("TRUE", []) if values is None else (f"{column} IN UNNEST(@ids)", [strings("ids", values)])
