"""Messages on their way into the raw archive, as lines of envelopes; pipeline/lines.py reads them back."""

from __future__ import annotations

import gzip
import hashlib
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from pipeline.rfc3339 import format_rfc3339

_GZIP_LEVEL = 1
"""Half the size of the lines at a fifth of the time of the default level."""


class Archived(NamedTuple):
    """A message as a line, and what acknowledges it."""

    publish_time_us: int
    line: bytes
    ack_id: str


class ArchiveObject(NamedTuple):
    """What one object is to hold, and what may be acknowledged once it is written."""

    name: str
    data: bytes
    message_ids: tuple[str, ...]


class Batch:
    """The messages that are pulled and not archived yet; one delivered twice is held once."""

    def __init__(self) -> None:
        """Start empty."""
        self.bytes = 0
        """Of the lines."""
        self._since = 0.0  # of the monotonic clock
        self._messages: dict[str, Archived] = {}

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self._messages)

    def add(self, received: Iterable[Any]) -> None:
        """Take in ReceivedMessages, as protobuf objects."""
        if not self._messages:
            self._since = time.monotonic()
        for delivery in received:
            message = delivery.message
            publish_time_us = message.publish_time.seconds * 1_000_000 + message.publish_time.nanos // 1_000
            line = envelope_line(message, publish_time_us)
            if message.message_id not in self._messages:
                self.bytes += len(line)
            self._messages[message.message_id] = Archived(publish_time_us, line, delivery.ack_id)

    def remove(self, message_ids: Iterable[str]) -> list[str]:
        """Let go of messages that are archived; returns what acknowledges them."""
        removed = [self._messages.pop(message_id) for message_id in message_ids]
        self.bytes -= sum(len(each.line) for each in removed)
        return [each.ack_id for each in removed]

    def age_seconds(self) -> float:
        """How long the oldest message has been here; 0 if there is none."""
        return time.monotonic() - self._since if self._messages else 0.0

    def objects(self) -> list[ArchiveObject]:
        """Return the objects that hold all messages: one for each hour of publish time.

        A name says the hour, the first publish time and the content's hash. So no object replaces one with
        other messages, and one written a second time is the same object.
        """
        by_hour: dict[str, list[str]] = defaultdict(list)
        for message_id, each in self._messages.items():
            by_hour[format_rfc3339(each.publish_time_us)[:13]].append(message_id)
        return [self._object(hour, message_ids) for hour, message_ids in sorted(by_hour.items())]

    def _object(self, hour: str, message_ids: list[str]) -> ArchiveObject:
        lines = b"".join(self._messages[each].line for each in message_ids)
        first_us = min(self._messages[each].publish_time_us for each in message_ids)
        first = format_rfc3339(first_us).replace("-", "").replace(":", "")
        content = hashlib.sha256(lines).hexdigest()[:16]
        return ArchiveObject(
            f"date={hour[:10]}/hour={hour[11:]}/{first}-{content}.jsonl.gz",
            gzip.compress(lines, _GZIP_LEVEL, mtime=0),
            tuple(message_ids),
        )


def envelope_line(message: Any, publish_time_us: int) -> bytes:
    """Return a PubsubMessage as a line: its data in base64, attributes, message_id and publish_time."""
    envelope = {
        "data": b64encode(message.data).decode("ascii"),
        "attributes": dict(message.attributes),
        "message_id": message.message_id,
        "publish_time": format_rfc3339(publish_time_us),
    }
    return orjson.dumps(envelope, option=orjson.OPT_APPEND_NEWLINE)
