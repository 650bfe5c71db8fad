"""What messages show of a payload: places, names that look like names, and values that are not personal.

Messages travel far: into attributes of the queue, tables, logs, reports. So a value is quoted only where
the contract says that nothing personal stands there; elsewhere its kind and size are told.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_POINTER_CHARACTERS = 1_000
HIDDEN_STEP = "*"
"""Stands in a path for a key that is not shown."""

# What a producer's engineer calls a field: no address, no telephone number, no sentence.
_NAME = re.compile(r"(?!.*[0-9]{5})[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


def kind_of(value: Any) -> str:
    """Return what a JSON value is, for a sentence: `a string`, `null`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "an integer"
    return {float: "a number", str: "a string", list: "an array", dict: "an object"}[type(value)]


def kind_and_size(value: Any) -> str:
    """Return what a JSON value is and how long, and nothing of what it says: `a string of 5 characters`."""
    if isinstance(value, str):
        return f"a string of {counted(len(value), 'character')}"
    if isinstance(value, list):
        return f"an array of {counted(len(value), 'element')}"
    if isinstance(value, dict):
        return f"an object with {counted(len(value), 'field')}"
    return kind_of(value)


def shortened(value: Any, characters: int = 60) -> str:
    """Return a JSON value as text of at most `characters`; only for values that are not personal."""
    if isinstance(value, str):
        value = value[: characters + 1]
    text = _SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False))
    return text if len(text) <= characters else text[: characters - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Return `1 element`, `2,000 elements`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def is_name(text: str) -> bool:
    """Whether a key that the contract does not know looks like a field's name.

    Keys can be data: a map from e-mail addresses to something, say.
    """
    return _NAME.fullmatch(text) is not None


def named(noun: str, name: str) -> str:
    """Return `the field "colour"`, or `a field whose name (17 characters) is not shown`."""
    if is_name(name):
        return f'the {noun} "{name}"'
    return f"a {noun} whose name ({counted(len(name), 'character')}) is not shown"


def pointer(path: str, step: str | int) -> str:
    """Return the JSON Pointer one step beyond `path`, its end cut off where it grows absurdly long.

    A key that is not shown is HIDDEN_STEP.
    """
    token = step if isinstance(step, int) or is_name(step) else HIDDEN_STEP
    return f"{path}/{token}"[:MAX_POINTER_CHARACTERS]
