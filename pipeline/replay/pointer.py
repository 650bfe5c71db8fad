"""JSON Pointers (RFC 6901): reading and changing a place in a JSON value."""

from __future__ import annotations

import re
from typing import Any

Pointer = tuple[str, ...]
"""The steps from the root, unescaped; empty for the root."""

APPEND = "-"
"""As a last step: behind the last element of an array."""
_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


class PointerError(ValueError):
    """A pointer is no pointer, or leads nowhere; the message follows the pointer."""


def parse_pointer(text: str) -> Pointer:
    """Return the steps of `text`; raises PointerError."""
    if not text:
        return ()
    if not text.startswith("/"):
        raise PointerError("is no JSON Pointer: it must be empty or start with /")
    if _BAD_ESCAPE.search(text):
        raise PointerError("is no JSON Pointer: write ~0 for ~ and ~1 for /")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def format_pointer(pointer: Pointer) -> str:
    """Return the text of a pointer."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in pointer)


def find(document: Any, pointer: Pointer) -> Any:
    """Return the value at `pointer`; raises PointerError if there is none."""
    value = document
    for step in pointer:
        value = value[_key(value, step, pointer)]
    return value


def exists(document: Any, pointer: Pointer) -> bool:
    """Return whether there is a value at `pointer`."""
    try:
        find(document, pointer)
    except PointerError:
        return False
    return True


def put(document: Any, pointer: Pointer, value: Any) -> None:
    """Set the value at `pointer`, which is not the root: a new member, an element that is there, or `-`.

    Raises PointerError if what should hold it is not there.
    """
    holder, step = find(document, pointer[:-1]), pointer[-1]
    if isinstance(holder, dict):
        holder[step] = value
    elif isinstance(holder, list) and step == APPEND:
        holder.append(value)
    else:
        holder[_key(holder, step, pointer)] = value


def take(document: Any, pointer: Pointer) -> Any:
    """Remove the value at `pointer`, which is not the root, and return it; raises PointerError."""
    holder = find(document, pointer[:-1])
    key = _key(holder, pointer[-1], pointer)  # first: what holds nothing has no pop
    return holder.pop(key)


def _key(holder: Any, step: str, pointer: Pointer) -> Any:
    """The key or index of a member that is there."""
    if isinstance(holder, dict) and step in holder:
        return step
    if isinstance(holder, list) and _INDEX.fullmatch(step) and int(step) < len(holder):
        return int(step)
    raise PointerError(f"{format_pointer(pointer)} is not there")
