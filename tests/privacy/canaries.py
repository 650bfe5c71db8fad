"""Payloads with a canary in every personal column of a contract and of its earlier versions: whole, broken,
cut off, misplaced."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pipeline.contract import Column, Contract, Table
from pipeline.validation import TableValidator
from tests.contract.messages import GOOD_EARLIER, good

TEXT = "canary-Zy7Kq"
NUMBER = 73_519_024_681_357
_EXPONENT = "7.3519024681357e400"
TRACES = (TEXT, "Zy7Kq", "73519024", "73,519", "7.3519", "351902468")
"""Parts by which a canary is found again."""

Path = tuple[str, ...]
"""Names from the table's column inwards."""


class Canary(NamedTuple):
    """A payload that nothing may tell of."""

    name: str
    event_type: str
    payload: bytes
    version: int | None = None
    """Which earlier schema version its event is of; None: the current one."""

    @property
    def attributes(self) -> dict[str, str]:
        """What is said beside the payload."""
        said = {} if self.version is None else {"schema_version": str(self.version)}
        return {"event_type": self.event_type, **said}


class Personal(NamedTuple):
    """A column of an event table that is marked, or of an earlier version of it."""

    table: Table
    version: int | None
    path: Path
    column: Column

    @property
    def place(self) -> str:
        """Such as `shipping_address.city`, `version 1 user_id`."""
        return f"{'' if self.version is None else f'version {self.version} '}{'.'.join(self.path)}"

    def good(self) -> dict[str, Any]:
        """A good event of the column's table."""
        event_type = self.table.event_type or ""
        return good(event_type) if self.version is None else dict(GOOD_EARLIER[event_type, self.version])

    def canary(self, name: str, event: dict[str, Any] | bytes) -> Canary:
        """`event` as a canary, whose name begins with the column's place."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        return Canary(f"{self.place} {name}", self.table.event_type or "", payload, self.version)


def personal_columns(contract: Contract) -> list[Personal]:
    """All that are marked, event type by event type."""
    tables = [contract.table_of(event_type) for event_type in contract.event_types]
    return [
        Personal(each, None if each is table else each.schema_version, path, column)
        for table in tables
        for each in (table, *table.earlier_versions)
        for path, column in _marked(each.columns, ())
    ]


def _marked(columns: Iterable[Column], outer: Path) -> Iterator[tuple[Path, Column]]:
    for column in columns:
        path = (*outer, column.name)
        if column.pii and column.type != "RECORD":
            yield path, column
        yield from _marked(column.fields, path)


def with_value(event: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of `event` with `value` at `path`; in an array, in its first element."""
    changed = copy.deepcopy(event)
    holder: Any = changed
    for name in path[:-1]:
        holder = holder.setdefault(name, {})
        holder = holder[0] if isinstance(holder, list) else holder
    holder[path[-1]] = value
    return changed


def accepted(contract: Contract) -> Iterator[Canary]:
    """Good events, a canary in each personal column that takes a text."""
    for personal in personal_columns(contract):
        column = personal.column
        if column.type == "STRING" and not column.check.keys() - {"minLength", "maxLength"}:
            yield personal.canary("is good", with_value(personal.good(), personal.path, TEXT))


def refused(contract: Contract) -> Iterator[Canary]:
    """Payloads that are refused, with a canary that is at or near a personal column."""
    for personal in personal_columns(contract):
        base, path, judge = personal.good(), personal.path, TableValidator(personal.table)
        for kind, value in _wrong_values(personal.column).items():
            changed = with_value(base, path, value)
            # A FLOAT takes a fraction, and a pattern may fit the canary.
            if any(judge.faults(changed)):
                yield personal.canary(f"is {kind}", changed)
        whole = personal.canary("", with_value(base, path, TEXT))
        for kind, payload in _broken_texts(whole.payload, path[-1]).items():
            yield personal.canary(f"in {kind}", payload)
        for length in range(1, len(path)):
            for value in (TEXT, [TEXT], NUMBER):
                changed = with_value(base, path[:length], value)
                yield personal.canary(f"has {value!r} in place of {path[length - 1]}", changed)
        misspelt = (*path[:-1], f"{path[-1]}_")
        yield personal.canary("is misspelt", with_value(base, misspelt, TEXT))
        key = (*path[:-1], f"{TEXT}@example.com")
        yield personal.canary("has a key beside it", with_value(base, key, 1))
        yield personal.canary("has an object beside it", with_value(base, key, {TEXT: [TEXT]}))
        for neighbour in _neighbours(personal.table.columns, path):
            changed = with_value(with_value(base, path, ""), neighbour, {path[-1]: TEXT})
            yield personal.canary(f"is in {'.'.join(neighbour)}", changed)


def _wrong_values(column: Column) -> dict[str, Any]:
    of_another_type = {
        "a number" if column.type == "STRING" else "a text": NUMBER if column.type == "STRING" else TEXT,
        "a fraction": NUMBER + 0.5,
        "an array": [TEXT, TEXT],
        "an object": {"value": TEXT, TEXT: NUMBER},
        "null in an array": [None, TEXT],
    }
    breaking = {
        "minLength": TEXT[: column.check.get("minLength", 1) - 1],
        "maxLength": TEXT * (column.check.get("maxLength", 0) + 1),
        "enum": TEXT,
        "not": column.check.get("not", {}).get("enum", [TEXT])[0],
        "pattern": TEXT,
        "format": TEXT,
        "minimum": -NUMBER,
        "exclusiveMinimum": -NUMBER,
        "maximum": NUMBER,
        "minItems": [TEXT],
        "maxItems": [TEXT] * (column.check.get("maxItems", 0) + 1),
    }
    return of_another_type | {f"against {word}": breaking[word] for word in column.check}


def _broken_texts(payload: bytes, name: str) -> dict[str, bytes]:
    canary, quoted = TEXT.encode(), json.dumps(TEXT).encode()
    return {
        "a text that is cut off": payload[: payload.index(canary) + len(canary)],
        "a text that is cut in the middle": payload[: payload.index(canary) + 9],
        "a text without its end": payload[:-1],
        "a text with more behind it": payload + canary,
        "a text without quotes": payload.replace(quoted, canary),
        "a text with a bad escape": payload.replace(canary, canary + b"\\x"),
        "a text with a control character": payload.replace(canary, canary + b"\n"),
        "latin-1": payload.replace(canary, canary + b"\xfc"),
        "half a surrogate pair": payload.replace(canary, canary + b"\\ud800"),
        "two equal keys": payload.replace(
            b'"%b"' % name.encode(), b'"%b":1,"%b"' % ((name.encode(),) * 2), 1
        ),
        "a number that is no double": payload.replace(quoted, _EXPONENT.encode()),
        "a number beyond 64 bits": payload.replace(quoted, str(NUMBER * 10**9).encode()),
        "an array": b"[" + payload + b"]",
        "deep nesting": payload.replace(quoted, b"[" * 101 + quoted + b"]" * 101),
    }


def _neighbours(columns: tuple[Column, ...], path: Path) -> Iterator[Path]:
    """Columns of the event that are not personal, where a producer may put an object by mistake."""
    for column in columns:
        if column.set_by is None and column.name != path[0] and not column.pii:
            yield (column.name,)
