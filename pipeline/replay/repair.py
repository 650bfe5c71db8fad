"""Repair rules at work on one message: all of a letter's repair is done, or none of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from pipeline.errors import Rejected
from pipeline.json_text import read_object
from pipeline.replay.casts import CastError, cast
from pipeline.replay.pointer import PointerError, exists, find, format_pointer, put, take
from pipeline.replay.rules import ATTRIBUTES, LABELS, Condition, Rule, Step


class Repaired(NamedTuple):
    """What the rules have made of a message."""

    payload: bytes
    """The very bytes that came in, unless a rule has changed what they say."""
    attributes: Mapping[str, str]
    changed: bool


class RepairFailed(Exception):
    """A rule applies and cannot be carried out; `str()` says which and why."""


class _Unreadable:
    """Stands for a payload that is no JSON object: nothing is in it, not even the absence of something."""


class _Draft:
    """A message taken apart."""

    def __init__(self, payload: bytes, attributes: Mapping[str, str]) -> None:
        self.document: Any = _Unreadable
        self.attributes: dict[str, str] = dict(attributes)
        try:
            document, faults = read_object(payload)
        except Rejected:
            return
        # Written anew, equal keys and integers beyond 64 bits would be lost.
        if not faults:
            self.document = document

    def part(self, place: str) -> Any:
        return self.attributes if place == ATTRIBUTES else self.document


def repair(
    payload: bytes, attributes: Mapping[str, str], labels: Mapping[str, str | None], rules: Sequence[Rule]
) -> Repaired:
    """Apply `rules` in order, each to what those before it have left.

    `labels` are the letter's reason, event_type and fingerprint. Raises RepairFailed.
    """
    draft = _Draft(payload, attributes)
    done = False
    for index, rule in enumerate(rules):
        if all(_holds(condition, draft, labels) for condition in rule.when):
            done = True
            for step in rule.steps:
                _do(step, draft, index)
    if not done:
        return Repaired(payload, attributes, False)
    new_payload = payload
    try:
        if draft.document is not _Unreadable and not _same(draft.document, read_object(payload)[0]):
            new_payload = orjson.dumps(draft.document)
    except orjson.JSONEncodeError as error:  # set into one another, values can nest too deeply
        raise RepairFailed(f"the repaired payload cannot be written: {error}") from error
    changed = new_payload is not payload or draft.attributes != attributes
    return Repaired(new_payload, draft.attributes, changed)


def _holds(condition: Condition, draft: _Draft, labels: Mapping[str, str | None]) -> bool:
    if condition.test in LABELS:
        return labels.get(condition.test) in condition.expected
    part = draft.part(condition.place)
    if part is _Unreadable:
        return False
    is_there = exists(part, condition.pointer)
    if condition.test == "exists":
        return is_there is condition.expected
    if not is_there:
        return False
    value = find(part, condition.pointer)
    if condition.test == "equals":
        return _same(value, condition.expected)
    return condition.expected in _types(value)


def _do(step: Step, draft: _Draft, index: int) -> None:
    part, at = draft.part(step.place), format_pointer(step.pointer)
    if part is _Unreadable:
        raise RepairFailed(f"rules[{index}]: the payload is no JSON object that could be written anew")
    try:
        if step.kind == "set":
            put(part, step.pointer, copy.deepcopy(step.argument))
        elif step.kind == "drop":
            take(part, step.pointer)
        elif step.kind == "rename":
            if exists(part, step.argument):
                raise PointerError(f"{format_pointer(step.argument)} is there already")
            put(part, step.argument, take(part, step.pointer))
        else:
            put(part, step.pointer, cast(find(part, step.pointer), step.argument, step.unit))
    except CastError as error:
        raise RepairFailed(f"rules[{index}]: {at}: {error}") from error
    except PointerError as error:
        raise RepairFailed(f"rules[{index}]: {error}") from error


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are written alike, whatever the order of their keys: 1 is not 1.0 or true."""
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)


def _types(value: Any) -> tuple[str, ...]:
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("boolean",)
    return {
        int: ("integer", "number"),
        float: ("number",),
        str: ("string",),
        list: ("array",),
        dict: ("object",),
    }[type(value)]
