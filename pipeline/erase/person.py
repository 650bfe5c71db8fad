"""Whom a message is about: the ids of a person, found where a producer has put them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from pipeline.contract import Column, Contract
from pipeline.envelope import FIELDS

ID_COLUMNS = ("customer_id", "user_id")
"""Columns that say who a person is. Each has its flag, and its own space of ids."""


class Person:
    """The ids of one person, and how a message that is about this person is told from others."""

    def __init__(self, ids: Mapping[str, str], contract: Contract) -> None:
        """Take the id for each of some ID_COLUMNS."""
        self.ids = dict(ids)
        columns = frozenset({*FIELDS, *_declared(contract)})
        self._each = [_Id(name, id_, columns - {name}) for name, id_ in self.ids.items()]

    def is_in(self, payload: bytes, attributes: Mapping[str, str]) -> bool:
        """Whether a message is about the person: whether one of the ids is in it.

        An object has an id if one of its values is it, at any depth and under any name that is not another
        column's, so that a misspelt name counts too; or if it is a key. A payload that cannot be read does if
        the id stands between quotes, but not behind another column's name, or behind its own column's name.
        """
        return any(id_.is_in(payload, attributes) for id_ in self._each)


class _Id:
    """One id. Each is looked for by itself: a user may have the number of another person's customer."""

    def __init__(self, name: str, id_: str, others: frozenset[str]) -> None:
        self._id = id_
        # A product may have the number of a customer: what another column says is not about a person.
        self._others = others
        self._spelt = re.compile(b"|".join(map(re.escape, sorted(set(_spellings(id_))))))
        said = (re.escape(name.encode()), self._spelt.pattern)
        # As it stands there: of two equal keys the first is lost in reading, and of long numbers the end.
        self._under_its_name = re.compile(rb'"%b"\s*:\s*"?(?:%b)"?\s*[,}\]]' % said)
        # Of broken text: between quotes, the last of which may be cut off, or right after its name.
        self._between_quotes = re.compile(rb'"(?:%b)(?="|\Z)' % self._spelt.pattern)
        self._after_its_name = re.compile(rb"%b[^0-9A-Za-z]{1,8}(?:%b)(?![0-9A-Za-z_.@+-])" % said)

    def is_in(self, payload: bytes, attributes: Mapping[str, str]) -> bool:
        if any(value == self._id and name not in self._others for name, value in attributes.items()):
            return True
        if b"\\" not in payload and self._spelt.search(payload) is None:
            return False
        if self._under_its_name.search(payload) is not None:
            return True
        try:
            value = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return self._is_in_broken_text(payload)
        return any(str(each) == self._id for each in _said(value, self._others))

    def _is_in_broken_text(self, text: bytes) -> bool:
        quoted = (match.start() for match in self._between_quotes.finditer(text))
        return (
            any(_name_before(text, start) not in self._others for start in quoted)
            or self._after_its_name.search(text) is not None
        )


def _declared(contract: Contract) -> Iterator[str]:
    """Names of columns, today's and those of earlier versions: the archive has events of these too.

    Not an earlier column that is personal: an id may have been called so.
    """
    for event_type in contract.event_types:
        table = contract.table_of(event_type)
        yield from (column.name for column in _throughout(table.columns))
        for earlier in table.earlier_versions:
            yield from (column.name for column in _throughout(earlier.columns) if not column.pii)


def _throughout(columns: Iterable[Column]) -> Iterator[Column]:
    for column in columns:
        yield column
        yield from _throughout(column.fields)


_NAME_AND_COLON = re.compile(rb'"([A-Za-z0-9_]{1,128})"\s{0,8}:\s{0,8}\Z')
_LONGEST_NAME = 160


def _name_before(text: bytes, place: int) -> str | None:
    """The name whose value begins at `place`, as far as broken text tells."""
    match = _NAME_AND_COLON.search(text, max(0, place - _LONGEST_NAME), place)
    return match[1].decode() if match else None


def _spellings(id_: str) -> Iterator[bytes]:
    """The ways an id is written between quotes, but for escapes that need not be."""
    yield id_.encode()
    yield json.dumps(id_, ensure_ascii=False)[1:-1].encode()
    escaped = json.dumps(id_)[1:-1]
    yield escaped.encode()
    yield re.sub(r"\\u[0-9a-f]{4}", lambda match: "\\u" + match[0][2:].upper(), escaped).encode()
    try:
        yield id_.encode("latin-1")
    except UnicodeEncodeError:
        return


def _said(value: Any, passed_over: frozenset[str]) -> Iterator[str | int]:
    """Every key and every string or integer in a JSON value, but for what other columns say."""
    pending = [(value, False)]
    while pending:
        each, is_others = pending.pop()
        if isinstance(each, dict):
            yield from (name for name in each if name not in passed_over)
            pending += [(inner, name in passed_over) for name, inner in each.items()]
        elif isinstance(each, list):
            pending += [(inner, is_others) for inner in each]
        elif type(each) in (str, int) and not is_others:
            yield each
