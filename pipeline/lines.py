"""Lines of newline-delimited files as messages: plain events, or envelopes of archived messages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from pipeline.elements import RawMessage
from pipeline.rfc3339 import parse_rfc3339_us

_ENVELOPE_KEYS = frozenset({"data", "attributes", "message_id", "publish_time"})


class Line(NamedTuple):
    """A line and where it stands."""

    offset: int
    """Its first byte, from the start of the uncompressed file."""
    text: bytes
    """Without its line end."""


def split_lines(data: bytes, offset: int) -> Iterator[Line]:
    """The lines of `data`, which begins at `offset`; LF or CRLF ends a line, blank ones are left out."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            end = len(data)
        text = data[start:end].removesuffix(b"\r")
        if text:
            yield Line(offset + start, text)
        start = end + 1


def to_messages(path: str, lines: Iterable[Line]) -> list[RawMessage]:
    """A message for each line.

    A plain line has no attributes and no publish time; its message id is `path:offset`, so that two
    equal lines stay two messages and one line read twice stays one.
    """
    return [read_envelope(line.text) or _plain(path, line) for line in lines]


def read_envelope(text: bytes) -> RawMessage | None:
    """The archived message in `{"data": base64, "attributes": {}, "message_id": "", "publish_time": ""}`.

    None for any other line. One that is nearly an envelope is taken as a plain line, and ends as a dead
    letter with its bytes unchanged.
    """
    if b'"data"' not in text:
        return None
    try:
        envelope: Any = orjson.loads(text)
        if type(envelope) is not dict or not envelope.keys() <= _ENVELOPE_KEYS:
            return None
        attributes = envelope.get("attributes") or {}
        message_id = envelope.get("message_id")
        published = envelope.get("publish_time")
        if not isinstance(message_id, str | None) or not _are_strings(attributes):
            return None
        return RawMessage(
            base64.b64decode(envelope["data"].encode(), validate=True),
            attributes,
            message_id,
            None if published is None else parse_rfc3339_us(published),
        )
    except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError, ValueError, binascii.Error):
        return None


def _plain(path: str, line: Line) -> RawMessage:
    return RawMessage(line.text, {}, f"{path}:{line.offset}", None)


def _are_strings(attributes: Any) -> bool:
    return isinstance(attributes, dict) and all(isinstance(value, str) for value in attributes.values())
