"""The ids one bucket of the stream has seen, in 24 bytes each and a little more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.elements import REPLAYED_STAGE, Event

KEY_BYTES = 16
RECENT_IDS = 4_096
"""Ids in a dict, which takes 170 bytes for each, before they are packed."""
RECENT_SHARE = 16
"""Or, where more are packed, one of so many: packing copies all of them."""

_TIME_BYTES = 8
_RECORD = np.dtype([("high", ">u8"), ("low", ">u8"), ("seen_us", ">i8")])
_KEY = np.dtype([("high", ">u8"), ("low", ">u8")])


def identity_key(event: Event) -> bytes:
    """16 bytes that stand for (event_type, event_id)."""
    identity = f"{event.event_type}\0{event.event_id}".encode()
    return hashlib.blake2b(identity, digest_size=KEY_BYTES).digest()


def _admission_key(event: Event, identity: bytes) -> bytes:
    """`identity` itself, but for a replay of what was refused behind de-duplication.

    The event's own key has been remembered since before it was refused. So such a replay is asked for by
    event and mark: it passes once, and another delivery of it is a duplicate.
    """
    mark = event.message.attributes.get(REPLAYED_STAGE)
    if mark is None:
        return identity
    return hashlib.blake2b(identity + mark.encode(), digest_size=KEY_BYTES).digest()


def next_token(token: bytes, change: bytes) -> bytes:
    """The token of a log after `change` was made to it."""
    return hashlib.blake2b(token + change, digest_size=KEY_BYTES).digest()


class SeenIds:
    """An index over the log of records that is kept in state: when each id was first published.

    `token` is a hash over all that happened to the log; two indexes with one token hold the same ids.
    """

    def __init__(self, log: Iterable[bytes], token: bytes) -> None:
        """Index a log, its blocks in any order."""
        self.token = token
        self._recent: dict[bytes, int] = {}
        self._high = np.zeros(0, np.uint64)  # sorted; an id is the bytes of both halves
        self._low = np.zeros(0, np.uint64)
        self._seen_us = np.zeros(0, np.int64)
        self._pack(np.frombuffer(b"".join(log), _RECORD))

    def split(self, events: Sequence[Event], ttl_us: int) -> tuple[list[Event], list[Event], bytes]:
        """(first events, duplicates, the block to append to the log)."""
        first: list[Event] = []
        duplicates: list[Event] = []
        records: list[bytes] = []
        identities = [identity_key(event) for event in events]
        keys = [_admission_key(*each) for each in zip(events, identities, strict=True)]
        for event, identity, key, packed_us in zip(events, identities, keys, self._packed(keys), strict=True):
            seen_us = self._recent.get(key, packed_us)
            if seen_us is not None and event.publish_time_us < seen_us + ttl_us:
                duplicates.append(event)
                continue
            self._recent[key] = event.publish_time_us
            records.append(_record(key, event.publish_time_us))
            if key is not identity:
                records += self._prolong(identity, event.publish_time_us)
            first.append(event)
        block = b"".join(records)
        if block:
            self.token = next_token(self.token, block)
        if len(self._recent) > max(RECENT_IDS, len(self._high) // RECENT_SHARE):
            recent = b"".join([_record(key, seen_us) for key, seen_us in self._recent.items()])
            self._pack(np.frombuffer(recent, _RECORD))
            self._recent = {}
        return first, duplicates, block

    def items(self) -> Iterator[tuple[bytes, int]]:
        """(key, when its id was first published in µs) of each id."""
        keys = np.zeros(len(self._high), _KEY)
        keys["high"], keys["low"] = self._high, self._low
        packed = zip((key.tobytes() for key in keys), self._seen_us.tolist(), strict=True)
        yield from {**dict(packed), **self._recent}.items()

    def _prolong(self, identity: bytes, published_us: int) -> list[bytes]:
        """Remember the event of a replay that has passed from then on: the record for that, if it needs one.

        Its own time may be nearly over, or unknown after a restart; a copy of it is a duplicate all the same.
        """
        seen_us = self._recent.get(identity, self._packed([identity])[0])
        if seen_us is not None and seen_us >= published_us:
            return []
        self._recent[identity] = published_us
        return [_record(identity, published_us)]

    def _packed(self, keys: list[bytes]) -> list[int | None]:
        """When the ids of `keys` were first published, as far as they are packed."""
        if not len(self._high):
            return [None] * len(keys)
        asked = np.frombuffer(b"".join(keys), _KEY)
        high, low = asked["high"].astype(np.uint64), asked["low"].astype(np.uint64)
        places = np.searchsorted(self._high, high)
        is_near = self._high[np.minimum(places, len(self._high) - 1)] == high
        found: list[int | None] = [None] * len(keys)
        for number in np.flatnonzero(is_near).tolist():
            place = int(places[number])
            while place < len(self._high) and self._high[place] == high[number]:
                if self._low[place] == low[number]:
                    found[number] = int(self._seen_us[place])
                place += 1
        return found

    def _pack(self, records: NDArray[np.void]) -> None:
        order = np.lexsort((records["seen_us"], records["low"], records["high"]))
        new = records[order]
        places = np.searchsorted(self._high, new["high"].astype(np.uint64), side="right")
        high = np.insert(self._high, places, new["high"])
        low = np.insert(self._low, places, new["low"])
        seen_us = np.insert(self._seen_us, places, new["seen_us"])
        # An id that came again after its time has two records; the later one counts.
        is_last = np.ones(len(high), np.bool_)
        is_last[:-1] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        self._high, self._low, self._seen_us = high[is_last], low[is_last], seen_us[is_last]


def _record(key: bytes, seen_us: int) -> bytes:
    return key + seen_us.to_bytes(_TIME_BYTES, "big", signed=True)
