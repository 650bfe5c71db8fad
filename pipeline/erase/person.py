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
        self._wanted = frozenset(self.ids.values())
        # A product may have the number of a customer: what another column says is not about a person.
        self._others = frozenset({*FIELDS, *_declared(contract)} - ids.keys())
        spellings = sorted({each for id_ in self._wanted for each in _spellings(id_)})
        self._spelt = re.compile(b"|".join(map(re.escape, spellings)))
        names, id_ = b"|".join(re.escape(name.encode()) for name in self.ids), self._spelt.pattern
        # As it stands there: of two equal keys the first is lost in reading, and of long numbers the end.
        self._under_its_name = re.compile(rb'"(?:%b)"\s*:\s*"?(?:%b)"?\s*[,}\]]' % (names, id_))
        # Of broken text: an id between quotes, the last of which may be cut off, or right after its name.
        self._in_broken_text = re.compile(
            rb'"(?:%b)(?:"|\Z)|(?:%b)[^0-9A-Za-z]{1,8}(?:%b)(?![0-9A-Za-z_.@+-])' % (id_, names, id_)
        )

    def is_in(self, payload: bytes, attributes: Mapping[str, str]) -> bool:
        """Whether a message is about the person.

        An object is if one of its values is an id, at any depth and under any name that is not another
        column's, so that a misspelt name counts too; or if an id is a key. A payload that cannot be read is
        if the id stands between quotes or behind its column's name.
        """
        if any(value in self._wanted and name not in self._others for name, value in attributes.items()):
            return True
        if b"\\" not in payload and self._spelt.search(payload) is None:
            return False
        if self._under_its_name.search(payload) is not None:
            return True
        try:
            value = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return self._in_broken_text.search(payload) is not None
        return any(self._is_id(each) for each in _said(value, self._others))

    def _is_id(self, value: Any) -> bool:
        return (str(value) if type(value) is int else value) in self._wanted


def _declared(contract: Contract) -> Iterator[str]:
    for event_type in contract.event_types:
        yield from _names(contract.table_of(event_type).columns)


def _names(columns: Iterable[Column]) -> Iterator[str]:
    for column in columns:
        yield column.name
        yield from _names(column.fields)


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


def _said(value: Any, passed_over: frozenset[str]) -> Iterator[Any]:
    """Every key and every string or integer in a JSON value, but for what other columns say."""
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            yield from (name for name in each if name not in passed_over)
            pending += [inner for name, inner in each.items() if name not in passed_over or _is_nested(inner)]
        elif isinstance(each, list):
            pending += each
        elif type(each) in (str, int):
            yield each


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)
