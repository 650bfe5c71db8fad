"""The lake: in which of its objects a person is, and taking them out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple, TypeVar

import orjson

from pipeline.contract import Contract
from pipeline.erase.person import Person
from pipeline.erase.rewriting import letters_about, without_person
from pipeline.erase.statements import DEAD_LETTERS, LOADS, ChangedFile
from pipeline.errors import PipelineError
from pipeline.objects import write_object
from pipeline.stored_objects import StoredObject, delete_object, list_objects, read_object, replace_object
from pipeline.tables import TABLES_FOLDER

THREADS = 16
"""Objects read side by side: a bucket answers slowly."""
_AT_ONCE = 4 * THREADS
"""Objects under way, so that a large lake is not held in memory."""
_Looked = TypeVar("_Looked")


class Finding(NamedTuple):
    """An object in which the person is."""

    stored: StoredObject
    removed: int
    """Rows, lines or records; of a dead letter's payload 1."""
    kept: int
    """0: the object goes."""
    change: ChangedFile | None
    """Its checksums, if a backfill may have loaded it."""
    by_row: bool = False
    """A dead letter's payload that says nothing of the person: the attributes in its row do."""

    @property
    def is_letter(self) -> bool:
        """Whether it is the payload of a dead letter."""
        return self.stored.path.endswith(".bin")

    def holds_letters_of(self, root: str) -> bool:
        """Whether it holds rows of dead letters."""
        return self.stored.path.startswith(f"{letter_rows_folder(root)}/")

    @property
    def letter_id(self) -> str:
        """The dead letter's id, after which its payload is named."""
        return self.stored.path.rpartition("/")[2].removesuffix(".bin")


class Scan(NamedTuple):
    """What was found in some folders."""

    findings: list[Finding]
    unread: list[str]
    """A sentence for each object that could not be looked into."""
    objects: int
    """How many were looked into."""


def event_folders(root: str, contract: Contract, person: Person) -> Iterator[str]:
    """Yield the folders of accepted events whose rows name persons."""
    for event_type in contract.event_types:
        if any(column.name in person.ids for column in contract.table_of(event_type).columns):
            yield f"{root}/processed/event_type={event_type}"


def archive_folder(root: str) -> str:
    """Where the messages are kept as they were sent."""
    return f"{root}/raw"


def letter_folder(root: str) -> str:
    """Where payloads too large for a row are kept."""
    return f"{root}/{DEAD_LETTERS}"


def letter_rows_folder(root: str) -> str:
    """Where runs without a warehouse keep their rows of dead_letters, and others those of an outage."""
    return f"{root}/{TABLES_FOLDER}/{DEAD_LETTERS}"


def letters_in_rows(root: str, person: Person) -> set[str]:
    """Return the ids of dead letters about the person, by the rows of runs without a warehouse.

    A file that cannot be read is left to `scan`, which names it. Raises as `scan`.
    """

    def ids(stored: StoredObject) -> set[str]:
        try:
            return letters_about(stored.path, read_object(stored), person)
        except PipelineError:
            return set()

    return {letter_id for found in _of_each([letter_rows_folder(root)], ids) for letter_id in found}


def scan(
    folders: Iterable[str], person: Person, letter_ids: Container[str], progress: Callable[[int], None]
) -> Scan:
    """Look into every object of some folders. Raises UsageError for a bucket that cannot be listed."""
    found = Scan([], [], 0)
    count = 0
    for count, outcome in enumerate(_of_each(folders, lambda each: _look(each, person, letter_ids)), 1):
        if isinstance(outcome, Finding):
            found.findings.append(outcome)
        elif outcome is not None:
            found.unread.append(outcome)
        progress(count)
    return found._replace(objects=count)


def _of_each(folders: Iterable[str], look: Callable[[StoredObject], _Looked]) -> Iterator[_Looked]:
    objects = (stored for folder in folders for stored in list_objects(folder))
    with ThreadPoolExecutor(THREADS) as pool:
        while batch := list(islice(objects, _AT_ONCE)):
            yield from pool.map(look, batch)


def _look(stored: StoredObject, person: Person, letter_ids: Container[str]) -> Finding | str | None:
    """A finding, a sentence about an object that could not be read, or None."""
    try:
        data = read_object(stored)
        if stored.path.endswith(".bin"):
            payload = Finding(stored, 1, 0, None)
            if person.is_in(data, {}):
                return payload
            return payload._replace(by_row=True) if payload.letter_id in letter_ids else None
        rewritten = without_person(stored.path, data, person, letter_ids)
    except PipelineError as error:
        return str(error)
    if rewritten is None:
        return None
    change = None
    if "/raw/" in stored.path and rewritten.kept:
        change = ChangedFile(_md5(data), _md5(rewritten.data), len(rewritten.data))
    return Finding(stored, rewritten.removed, rewritten.kept, change)


def take_out(finding: Finding, person: Person, letter_ids: Container[str]) -> None:
    """Write the object anew without the person, or delete it.

    Raises ChangedMeanwhile, PipelineError; then the object is as it was.
    """
    if finding.kept == 0:
        delete_object(finding.stored)
        return
    data = read_object(finding.stored)
    rewritten = without_person(finding.stored.path, data, person, letter_ids)
    if rewritten is not None:
        replace_object(finding.stored, rewritten.data)


def record_loads(root: str, changes: Iterable[ChangedFile]) -> None:
    """Record changed files as loaded where a run without a warehouse keeps its loads, if they were before.

    Otherwise the next backfill takes them for new ones. Raises PipelineError.
    """
    by_md5 = {change.old_md5: change for change in changes}
    folder = f"{root}/{TABLES_FOLDER}/{LOADS}"
    # All is read before anything is written: a run that was stopped has left some of it.
    files = [read_object(stored) for stored in list_objects(folder)] if by_md5 else []
    rows = {row["md5"]: row for file in files for row in map(orjson.loads, file.splitlines())}
    for md5 in by_md5.keys() & rows.keys():
        change = by_md5[md5]
        if change.new_md5 not in rows:
            row = rows[md5] | {"md5": change.new_md5, "bytes": change.new_bytes}
            write_object(f"{folder}/erased-{change.new_md5}.jsonl", orjson.dumps(row) + b"\n")


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
