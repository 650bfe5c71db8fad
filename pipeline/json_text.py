"""Payload bytes as JSON: what is refused before any schema is looked at, and the canonical text.

orjson decides what is JSON. What it lets pass and the contract does not (equal keys, integers beyond
64 bits, nesting beyond 100 levels) is found here, with the place of each fault; so are the faults
that orjson refuses with an error that does not say where.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
import orjson
import rfc8785

from pipeline.contract_rules import INT64_MAX, INT64_MIN
from pipeline.errors import (
    ContractError,
    DuplicateKey,
    EmptyPayload,
    LoneSurrogate,
    MalformedJson,
    NestingTooDeep,
    NotAnObject,
    NotUtf8,
    NumberOutOfRange,
    PayloadTooLarge,
    Rejected,
)
from pipeline.wording import counted, kind_of, named, pointer

MAX_PAYLOAD_BYTES = 10_000_000
MAX_DEPTH = 100
MAX_ERRORS = 1_000
"""Errors listed for one message: a payload of 10 MB could hold millions, and their row would not fit."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_LEVELS = np.zeros(256, np.int8)
_LEVELS[list(b"[{")], _LEVELS[list(b"]}")] = 1, -1
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_SURROGATE = re.compile("[\ud800-\udfff]")
_EXACT_IN_A_DOUBLE = 2**53


class Fault(NamedTuple):
    """An error together with the refusal that it leads to."""

    refusal: type[Rejected]
    error: ContractError


class _Object(dict[str, Any]):
    """An object that remembers which of its keys stood there more than once."""

    repeated: tuple[str, ...]


class _Literal(float):
    """A number that is out of range, with its text."""

    text: str


def read_object(payload: bytes) -> tuple[dict[str, Any], list[Fault]]:
    """Return the JSON object in `payload`, and every equal key and integer beyond 64 bits in it.

    This is the thorough way, for payloads that the quick one does not vouch for. Raises a Rejected
    for a payload that cannot be read as one object.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _refusal(PayloadTooLarge, f"The payload has {len(payload):,} bytes; 10,000,000 are the limit.")
    if not payload.strip(b" \t\r\n"):
        raise _refusal(EmptyPayload, "The payload is empty; send one JSON object.")
    _refuse_other_encodings(payload)
    if _depth(payload) > MAX_DEPTH:
        raise _refusal(NestingTooDeep, f"The payload nests deeper than {MAX_DEPTH} levels.")
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _refused_by_orjson(payload, error) from error
    if not isinstance(value, dict):
        raise _refusal(NotAnObject, f"The payload is {kind_of(value)}; send one JSON object.")
    if has_no_equal_keys(payload, value) and not _has_long_integer(payload):
        return value, []
    return value, _first_faults(_decode(payload))


def has_no_equal_keys(payload: bytes, value: Any) -> bool:
    """Whether no object in `payload`, which orjson read as `value`, surely holds a key twice.

    Where orjson writes other text than it read, colons are counted: each stands behind a key or inside
    a string, so equal counts mean that no member was lost, unless a colon in a string was escaped.
    """
    text = orjson.dumps(value)
    return text == payload or (text.count(b":") == payload.count(b":") and b"\\u003" not in payload)


def _has_long_integer(payload: bytes) -> bool:
    """Whether 19 digits, as many as 64 bits need, stand in a row somewhere."""
    return b"0000000000000000000" in payload.translate(_DIGITS_TO_ZERO)  # a quarter of what a search takes


def _refuse_other_encodings(payload: bytes) -> None:
    if payload.startswith(b"\xef\xbb\xbf"):
        raise _refusal(NotUtf8, "The payload starts with a byte order mark; send UTF-8 without one.")
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refusal(NotUtf8, f"The payload is not UTF-8: {error.reason} at byte {error.start}.") from error


def _refused_by_orjson(payload: bytes, refused: orjson.JSONDecodeError) -> Rejected:
    """Name the fault for which orjson refused the payload, where the standard library reads on."""
    malformed = _refusal(
        MalformedJson,
        f"The payload is not JSON: {refused.msg} at line {refused.lineno}, column {refused.colno}.",
    )
    try:
        faults = _first_faults(_decode(payload))
    except ValueError:
        return malformed
    faults.sort(key=lambda fault: (LoneSurrogate, DuplicateKey, NumberOutOfRange).index(fault.refusal))
    return faults[0].refusal([fault.error for fault in faults]) if faults else malformed


def _first_faults(value: Any) -> list[Fault]:
    return list(islice(_faults(value, ""), MAX_ERRORS))


def _refusal(refusal: type[Rejected], message: str) -> Rejected:
    return refusal([ContractError("", refusal.reason, message)])


def _depth(payload: bytes) -> int:
    """Return how deep the payload nests, or a bound where that is enough; it need not be JSON."""
    brackets = payload.count(b"{") + payload.count(b"[")
    if brackets <= MAX_DEPTH:
        return brackets
    outside_strings = _STRING.sub(b"", payload).translate(None, delete=_NO_BRACKETS)
    steps = _LEVELS[np.frombuffer(outside_strings, np.uint8)]
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


def _decode(payload: bytes) -> Any:
    """Decode JSON keeping what orjson hides; raises ValueError for anything that is not JSON."""
    return json.loads(
        payload.decode("utf-8"),
        object_pairs_hook=_EqualKeys(),
        parse_int=_integer if _has_long_integer(payload) else int,
        parse_float=_double,
        parse_constant=_refuse_constant,
    )


class _EqualKeys:
    """Makes the objects of one payload, and notes equal keys until there are more than will be listed."""

    def __init__(self) -> None:
        self._noted = 0

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) == len(pairs) or self._noted >= MAX_ERRORS:
            return members
        seen: set[str] = set()
        repeated = [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
        result = _Object(members)
        result.repeated = tuple(dict.fromkeys(repeated))
        self._noted += len(result.repeated)
        return result


def _integer(text: str) -> int | float:
    # Twenty characters hold every 64-bit integer; int() itself refuses thousands of digits.
    if len(text) <= 20 and INT64_MIN <= int(text) <= INT64_MAX:
        return int(text)
    return _literal(text)


def _double(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _literal(text)


def _literal(text: str) -> _Literal:
    literal = _Literal("nan")
    literal.text = text
    return literal


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _faults(value: Any, path: str) -> Iterator[Fault]:
    if isinstance(value, dict):
        for key in getattr(value, "repeated", ()):
            here = named("key", key)
            message = f"{here[0].upper()}{here[1:]} stands more than once in its object; send it once."
            yield Fault(DuplicateKey, ContractError(pointer(path, key), "duplicate_key", message))
        for key, inner in value.items():
            if not (_is_flawless(key) and _is_flawless(inner)):
                here = pointer(path, key)
                yield from _surrogate(key, here)
                yield from _faults(inner, here)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if not _is_flawless(inner):
                yield from _faults(inner, pointer(path, index))
    elif isinstance(value, str):
        yield from _surrogate(value, path)
    elif isinstance(value, _Literal):
        limit = "64 bits" if value.text.lstrip("-").isdecimal() else "a double"
        message = f"The number, written in {counted(len(value.text), 'character')}, does not fit in {limit}."
        yield Fault(NumberOutOfRange, ContractError(path, "number_out_of_range", message))


def _is_flawless(value: Any) -> bool:
    """Whether a value is surely without a fault, as most are."""
    return value.isascii() if type(value) is str else type(value) in (int, float, bool, NoneType)


def _surrogate(text: str, path: str) -> Iterator[Fault]:
    if _SURROGATE.search(text):
        message = "The text holds half of a surrogate pair; escape both halves, or send the character itself."
        yield Fault(LoneSurrogate, ContractError(path, "lone_surrogate", message))


def canonical_json(value: Any) -> bytes:
    """Return RFC 8785's canonical JSON of `value`.

    The RFC knows doubles only, in which integers from 2**53 up lose their last digits; here they keep
    them, so that two different events never have the same text.
    """
    return orjson.dumps(_arranged(value))


def _arranged(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value)
        if not "".join(keys).isascii():
            keys.sort(key=lambda key: key.encode("utf-16-be"))
        return {key: _arranged(value[key]) for key in keys}
    if isinstance(value, list):
        return [_arranged(inner) for inner in value]
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _EXACT_IN_A_DOUBLE:
            return int(value)
        # Elsewhere orjson spells them as the RFC does, from 0.00001 until exponents begin.
        if 1e-5 <= abs(value) < _EXACT_IN_A_DOUBLE:
            return value
        return orjson.Fragment(rfc8785.dumps(value))
    return value
