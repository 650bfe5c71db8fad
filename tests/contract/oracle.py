"""The slow and certain judge: `jsonschema` on the contract's JSON Schema, and the rules stricter than it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from jsonschema import Draft202012Validator

_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def places_and_rules(schema: dict[str, Any], event: Any) -> set[tuple[str, str]]:
    """Return path and rule of everything that is wrong with `event`."""
    found = set(_by_schema(schema, event)) | set(_stricter(schema, event, ""))
    # A value of the wrong type is not held against its other rules.
    mistyped = {path for path, rule in found if rule == "type"}
    return {(path, rule) for path, rule in found if rule == "type" or path not in mistyped}


def _by_schema(schema: dict[str, Any], event: Any) -> Iterator[tuple[str, str]]:
    for error in Draft202012Validator(schema).iter_errors(event):
        path = "".join(f"/{_token(step)}" for step in error.absolute_path)
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            yield from ((f"{path}/{name}", "required") for name in missing)
        elif error.validator == "additionalProperties":
            unknown = error.instance.keys() - error.schema["properties"].keys()
            yield from ((f"{path}/{_token(name)}", "unexpected_field") for name in unknown)
        else:
            yield path, str(error.validator)


def _stricter(schema: dict[str, Any], value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield what the standard permits and the contract does not."""
    if schema["type"] == "integer" or "integer" in schema["type"]:
        if isinstance(value, float):
            yield path, "type"
    elif schema.get("format") == "date-time" and isinstance(value, str):
        if not _is_time(value):
            yield path, "format"
    elif isinstance(value, str) and "pattern" in schema:
        # Python's $ stands before a last line end, too; the standard's does not.
        if value.endswith("\n"):
            yield path, "pattern"
    elif isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _stricter(inner, value[name], f"{path}/{name}")
    elif isinstance(value, list) and "items" in schema:
        for index, inner in enumerate(value):
            yield from _stricter(schema["items"], inner, f"{path}/{index}")


def _is_time(text: str) -> bool:
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return False
    date, time, _, zone = match.groups()
    try:
        datetime.fromisoformat(f"{date}T{time}{zone.upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return True


def _token(step: str | int) -> str:
    if isinstance(step, int):
        return str(step)
    plain = set(step) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    begins = step[:1] in "0123456789-"
    number = any(step[at : at + 5].isdecimal() for at in range(len(step) - 4))
    return step if plain and not begins and not number and len(step) <= 64 else "*"
