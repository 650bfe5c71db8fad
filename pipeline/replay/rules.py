"""The file of repair rules: read, and checked to the last key before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.contract_rules import Place
from pipeline.errors import ContractFileError, Rejected, UsageError
from pipeline.json_text import read_object
from pipeline.replay.casts import TYPES, UNITS_US
from pipeline.replay.marks import MARKS
from pipeline.replay.pointer import Pointer, PointerError, parse_pointer

PAYLOAD, ATTRIBUTES = "payload", "attributes"
PLACES = (PAYLOAD, ATTRIBUTES)
JSON_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
TESTS = ("exists", "equals", "type")
LABELS = ("reason", "event_type", "fingerprint")
STEPS: Mapping[str, tuple[str, ...]] = {
    "set": ("value",),
    "rename": ("to",),
    "cast": ("as",),
    "drop": (),
}
"""The keys that each step needs beside its own."""


class Condition(NamedTuple):
    """What must hold: something at `pointer`, or a label of the letter."""

    place: str
    """`payload` or `attributes`; empty for a label."""
    pointer: Pointer
    test: str
    """One of TESTS or LABELS."""
    expected: Any
    """What the test compares with; for a label, the tuple of values it may have."""


class Step(NamedTuple):
    """One change."""

    place: str
    kind: str
    """One of STEPS."""
    pointer: Pointer
    argument: Any
    """The value of a set, the pointer of a rename's target, the type of a cast; None for a drop."""
    unit: str | None
    """Of a cast to a timestamp."""


class Rule(NamedTuple):
    """Steps that are done, in order, on a letter for which all conditions hold."""

    when: tuple[Condition, ...]
    steps: tuple[Step, ...]


def load_rules(path: str) -> tuple[Rule, ...]:
    """Read the file at `path`; raises UsageError that names the rule's index and the key."""
    try:
        content, faults = read_object(Path(path).read_bytes())
    except OSError as error:
        raise UsageError(f"--rules={path} cannot be read: {error.strerror}.") from error
    except Rejected as refused:
        message = refused.errors[0].message.replace("The payload", "the file", 1)
        raise UsageError(f"--rules={path}: {message}") from refused
    if faults:
        raise UsageError(f"--rules={path}: {faults[0].error.path}: {faults[0].error.message}")
    try:
        return read_rules(content, Path(path).name)
    except ContractFileError as error:
        raise UsageError(f"--rules: {error}") from error


def read_rules(content: Any, name: str = "rules") -> tuple[Rule, ...]:
    """Return the rules in the file's object; raises ContractFileError at the first thing that is wrong."""
    root = Place(name)
    root.expect_keys(content, required=("rules",), optional=("description",))
    root.child("rules").expect_list(content["rules"], not_empty=True)
    return tuple(_rule(root.child(f"rules[{index}]"), entry) for index, entry in enumerate(content["rules"]))


def _rule(here: Place, entry: Any) -> Rule:
    here.expect_keys(entry, required=("when", "do"), optional=("description",))
    conditions, steps = _entries(here, "when", entry), _entries(here, "do", entry)
    return Rule(
        tuple(_condition(place, each) for place, each in conditions),
        tuple(_step(place, each) for place, each in steps),
    )


def _entries(here: Place, key: str, entry: Mapping[str, Any]) -> list[tuple[Place, Any]]:
    """What stands under `key`: one object, or a list of them, each with its place."""
    value = entry[key]
    if isinstance(value, dict):
        return [(here.child(key), value)]
    here.child(key).expect_list(value, not_empty=True)
    return [(here.child(f"{key}[{index}]"), each) for index, each in enumerate(value)]


def _condition(here: Place, entry: Any) -> Condition:
    kind = _only_one_of((*TESTS, *LABELS), here, entry)
    if kind in LABELS:
        here.expect_keys(entry, required=(kind,))
        return Condition("", (), kind, _labels(here.child(kind), entry[kind]))
    here.expect_keys(entry, required=("path", kind), optional=("in",))
    place, pointer, expected = _place(here, entry), _pointer(here, entry, "path"), entry[kind]
    if place == ATTRIBUTES and len(pointer) != 1:
        raise here.child("path").error("an attribute is named by one step, such as /event_type")
    if kind == "exists" and not isinstance(expected, bool):
        raise here.child(kind).error("must be true or false")
    if kind == "type" and expected not in JSON_TYPES:
        here.child(kind).refuse("type", expected, JSON_TYPES)
    return Condition(place, pointer, kind, expected)


def _labels(here: Place, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, str) for each in values):
        raise here.error("must be a string, or a list of strings with at least one entry")
    return tuple(values)


def _step(here: Place, entry: Any) -> Step:
    kind = _only_one_of(tuple(STEPS), here, entry)
    is_timestamp = kind == "cast" and entry.get("as") == "timestamp"
    here.expect_keys(
        entry, required=(kind, *STEPS[kind], *(("unit",) if is_timestamp else ())), optional=("in",)
    )
    place, pointer = _place(here, entry), _target(here, entry, kind)
    argument, unit = entry[STEPS[kind][0]] if STEPS[kind] else None, entry.get("unit")
    if kind == "cast" and argument not in TYPES:
        here.child("as").refuse("type", argument, TYPES)
    if kind == "rename":
        argument = _target(here, entry, "to")
        if argument[: len(pointer)] == pointer:
            raise here.child("to").error("a value cannot be moved to where it is, or into itself")
    if is_timestamp and unit not in tuple(UNITS_US):
        here.child("unit").refuse("unit", unit, tuple(UNITS_US))
    if place == ATTRIBUTES:
        _check_attribute_step(here, kind, pointer, argument)
    return Step(place, kind, pointer, argument, unit)


def _check_attribute_step(here: Place, kind: str, pointer: Pointer, argument: Any) -> None:
    if kind == "cast":
        raise here.child(kind).error("attributes are strings; set, rename or drop them")
    if kind == "set" and not isinstance(argument, str):
        raise here.child("value").error("the value of an attribute must be a string")
    for key, target in ((kind, pointer), *((("to", argument),) if kind == "rename" else ())):
        if len(target) != 1 or not target[0]:
            raise here.child(key).error("an attribute is named by one step, such as /event_type")
        if target[0] in MARKS:
            raise here.child(key).error(f"{target[0]} is set by the replay itself")


def _only_one_of(kinds: Sequence[str], here: Place, entry: Any) -> str:
    given = [key for key, _ in here.items(entry) if key in kinds]
    if len(given) != 1:
        unknown = [key for key in entry if key not in (*kinds, "path", "in", "value", "to", "as", "unit")]
        if not given and unknown:
            here.refuse("key", unknown[0], kinds)
        raise here.error(f"must have exactly one of {', '.join(kinds)}")
    return given[0]


def _place(here: Place, entry: Mapping[str, Any]) -> str:
    place = entry.get("in", PAYLOAD)
    if place not in PLACES:
        here.child("in").refuse("place", place, PLACES)
    return str(place)


def _pointer(here: Place, entry: Mapping[str, Any], key: str) -> Pointer:
    text = entry[key]
    if not isinstance(text, str):
        raise here.child(key).error("must be a JSON Pointer, such as /items/0/quantity")
    try:
        return parse_pointer(text)
    except PointerError as error:
        raise here.child(key).error(f"{text!r} {error}") from error


def _target(here: Place, entry: Mapping[str, Any], key: str) -> Pointer:
    """A place that a step changes: not the root."""
    pointer = _pointer(here, entry, key)
    if not pointer:
        raise here.child(key).error("the whole payload cannot be changed: name a member, such as /status")
    return pointer
