"""The SQL that removes a person from a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.bigquery_client import table_id
from pipeline.contract import Contract
from pipeline.erase.person import Person
from pipeline.sql_text import sql_string

DEAD_LETTERS = "dead_letters"
LOADS = "_load_metadata"
RAW_EVENTS = "raw_events"
"""Not the pipeline's: Terraform's scheduled query fills it from the event tables. A dataset may lack it."""
IDS_IN_A_STATEMENT = 1_000
"""Dead letters that one statement names: BigQuery's statements end at 1 MB."""


class Deletion(NamedTuple):
    """Rows of one table that go."""

    table: str
    condition: str

    def statement(self, dataset: str) -> str:
        """Return the DELETE."""
        return f"DELETE FROM `{table_id(dataset, self.table)}` WHERE {self.condition}"

    def question(self, dataset: str) -> str:
        """Return what counts the rows."""
        return f"SELECT COUNT(*) AS n FROM `{table_id(dataset, self.table)}` WHERE {self.condition}"


class ChangedFile(NamedTuple):
    """A file of the raw archive as it was and as it will be: a backfill knows files by their content."""

    old_md5: str
    new_md5: str
    new_bytes: int


def of_events(contract: Contract, person: Person) -> Iterator[Deletion]:
    """Yield what goes from the event tables, and from raw_events."""
    for event_type in contract.event_types:
        table = contract.table_of(event_type)
        for column in table.columns:
            if column.name in person.ids:
                same = f"= {sql_string(person.ids[column.name])}"
                yield Deletion(table.name, f"{column.name} {same}")
                yield Deletion(RAW_EVENTS, f"event_type = {sql_string(event_type)} AND customer_id {same}")


def of_letters(letter_ids: Iterable[str]) -> Iterator[Deletion]:
    """Yield what goes from dead_letters."""
    ordered = sorted(letter_ids)
    for start in range(0, len(ordered), IDS_IN_A_STATEMENT):
        listed = ", ".join(map(sql_string, ordered[start : start + IDS_IN_A_STATEMENT]))
        yield Deletion(DEAD_LETTERS, f"dead_letter_id IN ({listed})")


def of_loads(files: Iterable[ChangedFile], dataset: str) -> Iterator[str]:
    """Yield statements that record changed files of the archive as loaded, if they were before.

    Otherwise the next backfill takes them for new ones, and counts their events again.
    """
    loads = f"`{table_id(dataset, LOADS)}`"
    for file in files:
        new = sql_string(file.new_md5)
        yield (
            f"INSERT INTO {loads} SELECT * REPLACE ({new} AS md5, {file.new_bytes} AS bytes) "
            f"FROM {loads} WHERE md5 = {sql_string(file.old_md5)} "
            f"AND NOT EXISTS (SELECT 1 FROM {loads} WHERE md5 = {new})"
        )


def candidates(person: Person, dataset: str) -> str:
    """Return the question for dead letters that may be about the person; `Person.is_in` decides.

    Bytes are compared in hex, at any half byte: more letters than those with the id come, never fewer. With a
    backslash in it, a payload may spell the id in many ways.
    """
    parts = [b"\\", *(spelling for id_ in person.ids.values() for spelling in _raw_spellings(id_))]
    in_payload = [f"STRPOS(LOWER(TO_HEX(payload)), '{part.hex()}') > 0" for part in parts]
    values = ", ".join(map(sql_string, sorted(set(person.ids.values()))))
    in_attributes = (
        f"EXISTS (SELECT 1 FROM UNNEST(attributes) AS attribute WHERE attribute.value IN ({values}))"
    )
    return (
        f"SELECT dead_letter_id, payload, attributes FROM `{table_id(dataset, DEAD_LETTERS)}` "
        f"WHERE {' OR '.join([*in_payload, in_attributes])}"
    )


def _raw_spellings(id_: str) -> Sequence[bytes]:
    try:
        return (id_.encode(), id_.encode("latin-1"))
    except UnicodeEncodeError:
        return (id_.encode(),)
