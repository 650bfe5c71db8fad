"""Which event ids may stand more than once in files, found without reading the events.

A fingerprint stands for an event id. Two events with the same id have the same fingerprint; two with
different ids may have, rarely, and are told apart later. So only events whose fingerprint is there
more than once have to be compared, and these are few.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from orjson import JSONDecodeError, JSONEncodeError, loads

from pipeline.elements import RawMessage
from pipeline.envelope import derived_id
from pipeline.lines import read_envelope

_ID_IN_LINE = re.compile(
    rb'\n(?:\{(?:"[^"\\\n]*":(?:"[^"\\\n]*"|-?[0-9][0-9.]*|true|false|null),){0,50}?"event_id":"([^"\\\n]+)"|)'
)
"""A line, behind the end of the one before: the id in an object where it comes after a few plain members and
nothing else, which no envelope has; or nothing."""
_LINE_FEED = 10
FINGERPRINT_BITS = 40
"""A thousand million events have half a million pairs by chance, which are read once more."""

_KEY = b'"event_id":"'
_ENVELOPE = b'{"data":"'
_ATTRIBUTES = b',"attributes":{'
_REST = re.compile(rb'\}(?:,"message_id":"[^"]*")?(?:,"publish_time":"[^"]*")?\}\r?')


def fingerprint(event_id: bytes) -> int:
    """FINGERPRINT_BITS that are the same for the same id (UTF-8), in every process."""
    return crc32(event_id) | (crc_hqx(event_id, 0) & 0xFF) << 32


def fingerprints_of_lines(data: bytes) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """(fingerprints, places in `data` of their lines) of a block of lines.

    A line that can be no event may have none.
    """
    # All at once: to make each line a value of its own would take as long as all else.
    ids: list[bytes] = _ID_IN_LINE.findall(b"\n" + data)
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_FEED)
    starts = np.concatenate((np.zeros(1, np.intp), ends + 1))
    has_id = np.ones(len(ids), np.bool_)
    for number in [number for number, event_id in enumerate(ids) if not event_id]:
        line = data[starts[number] : ends[number] if number < len(ends) else None]
        event_id = _id_in_plain_envelope(line) or _id_in_line(line)
        has_id[number] = event_id is not None
        ids[number] = event_id or b""
    return np.array(list(map(fingerprint, ids)), np.uint64)[has_id], starts.astype(np.uint64)[has_id]


def fingerprint_of_message(message: RawMessage) -> int | None:
    """The fingerprint of the event in a message, or None if it can be no event."""
    event_id = _id_in_message(message)
    return None if event_id is None else fingerprint(event_id)


def repeated(fingerprints: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """For each of `fingerprints`, whether it is there more than once."""
    ordered = np.sort(fingerprints)
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return np.isin(fingerprints, again)


def _id_in_plain_envelope(line: bytes) -> bytes | None:
    """The event id among the attributes, where the line's text alone is proof of it; None decides nothing.

    Without a backslash every quote begins or ends a string. So the only `"event_id":"` is a key, and the
    id ends with the next quote.
    """
    if not line.startswith(_ENVELOPE) or b"\\" in line or line.count(b'"event_id"') != 1:
        return None
    start = line.find(_KEY) + len(_KEY)
    end, quote = line.find(b'"', start), line.find(b'"', len(_ENVELOPE))
    if not line.startswith(_ATTRIBUTES, quote + 1) or start < quote:
        return None
    close = line.find(b"}", end)
    if line.count(b"{", 0, close) == 2 and line.find(b"}", quote, end) < 0 and _REST.fullmatch(line, close):
        return line[start:end]
    return None


def _id_in_line(line: bytes) -> bytes | None:
    message = read_envelope(line) or RawMessage(line, {}, None, None)
    return _id_in_message(message)


def _id_in_message(message: RawMessage) -> bytes | None:
    """The id as pipeline.parse takes it; None if the message can be no event."""
    event_id = message.attributes.get("event_id")
    if event_id is None:
        try:
            event = loads(message.payload)
        except JSONDecodeError:
            return None
        if type(event) is not dict:
            return None
        event_id = event.get("event_id")
        if event_id is None:
            try:
                event_id = derived_id(event)
            except (JSONEncodeError, RecursionError):  # it nests deeper than any event may
                return None
    return event_id.encode("utf-8", "replace") if isinstance(event_id, str) else None
