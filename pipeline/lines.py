"""Lines of newline-delimited files as messages: plain events, or envelopes of archived messages."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Container
from typing import Any

from orjson import JSONDecodeError, loads

from pipeline.elements import ByteRange, RawMessage
from pipeline.rfc3339 import parse_rfc3339_us

_ENVELOPE_KEYS = frozenset({"data", "attributes", "message_id", "publish_time"})
_PLAIN_STARTS = frozenset(b'{"%c' % initial for initial in range(256) if initial not in b"damp\\")
"""How most plain lines begin, and no envelope does."""


def read_messages(
    byte_range: ByteRange, data: bytes, offset: int, left_out: Container[int] = frozenset()
) -> list[RawMessage]:
    """A message for each line of `data`, part of a range, which begins at `offset` of the uncompressed file.

    LF or CRLF ends a line; blank ones are left out, and lines at the offsets `left_out`. A plain line has
    no attributes, no id of its own and no publish time.
    """
    messages: list[RawMessage] = []
    attributes: dict[str, str] = {}
    has_returns = b"\r" in data
    for line in data.split(b"\n"):
        text = line[:-1] if has_returns and line.endswith(b"\r") else line
        if text and offset not in left_out:
            envelope = None if text[:3] in _PLAIN_STARTS else read_envelope(text, byte_range)
            messages.append(envelope or RawMessage(text, attributes, None, None, byte_range, offset))
        offset += len(line) + 1
    return messages


def read_message_at(byte_range: ByteRange, data: bytes, offset: int, place: int) -> RawMessage:
    """The message in the line that begins at `place`, of `data`, which begins at `offset`."""
    start = place - offset
    end = data.find(b"\n", start)
    text = data[start : end if end >= 0 else None].removesuffix(b"\r")
    return read_envelope(text, byte_range) or RawMessage(text, {}, None, None, byte_range, place)


def read_envelope(text: bytes, read_from: ByteRange | None = None) -> RawMessage | None:
    """The archived message in `{"data": base64, "attributes": {}, "message_id": "", "publish_time": ""}`.

    None for any other line. One that is nearly an envelope is taken as a plain line, and ends as a dead
    letter with its bytes unchanged.
    """
    if b'"data"' not in text:
        return None
    try:
        envelope: Any = loads(text)
        if type(envelope) is not dict or not envelope.keys() <= _ENVELOPE_KEYS:
            return None
        payload = envelope["data"]
        attributes = envelope.get("attributes") or {}
        message_id = envelope.get("message_id")
        published = envelope.get("publish_time")
        if type(payload) is not str or not isinstance(message_id, str | None) or not _are_strings(attributes):
            return None
        published_us = None if published is None else parse_rfc3339_us(published)
        data = a2b_base64(payload, strict_mode=True)
        return RawMessage(data, attributes, message_id, published_us, read_from)
    except (JSONDecodeError, KeyError, TypeError, ValueError):  # ValueError: base64, or a time
        return None


def _are_strings(attributes: Any) -> bool:
    return type(attributes) is dict and all([type(value) is str for value in attributes.values()])  # noqa: C419
