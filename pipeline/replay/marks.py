"""What a replayed message says beyond the original: how often it was replayed, who refused it, its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pipeline.bigquery_refusals import STAGES
from pipeline.elements import REPLAY_COUNT, REPLAYED_STAGE
from pipeline.publishing import MAX_MESSAGE_BYTES, OutgoingMessage
from pipeline.transforms.dead_letters import (
    MAX_ATTRIBUTE_KEY_BYTES,
    MAX_ATTRIBUTE_VALUE_BYTES,
    MAX_ATTRIBUTES,
)

ORIGINAL_SHA256 = "original_sha256"
MARKS = (REPLAY_COUNT, REPLAYED_STAGE, ORIGINAL_SHA256)
_OVERHEAD_BYTES = 16
"""More than what an attribute takes beside its key and value."""


def sha256_hex(payload: bytes) -> str:
    """Return the SHA-256 of a payload as it stands in attributes and in `replays`."""
    return hashlib.sha256(payload).hexdigest()


def marked(
    payload: bytes,
    attributes: Mapping[str, str],
    replay_count: int,
    stage: str,
    original_sha256: str | None = None,
) -> OutgoingMessage:
    """Return the message to publish: the attributes given, and the marks that Pub/Sub has room for.

    `stage` is the letter's. A mark without room is left out, the hash first; the table `replays` has count
    and hash in any case.
    """
    message = OutgoingMessage(payload, dict(attributes))
    marks = {REPLAY_COUNT: str(replay_count)}
    # A mark of an earlier replay stays, whatever refuses the message now: its id is still remembered.
    if stage in STAGES:
        marks[REPLAYED_STAGE] = stage
    if original_sha256 is not None:
        marks[ORIGINAL_SHA256] = original_sha256
    for name, value in marks.items():
        larger = OutgoingMessage(payload, {**message.attributes, name: value})
        if unpublishable(larger) is None:
            message = larger
    return message


def message_bytes(message: OutgoingMessage) -> int:
    """Return about how many bytes the message takes in a request, and never less."""
    return len(message.data) + sum(
        len(name.encode()) + len(value.encode()) + _OVERHEAD_BYTES
        for name, value in message.attributes.items()
    )


def unpublishable(message: OutgoingMessage) -> str | None:
    """Say which of Pub/Sub's limits the message breaks, or None.

    A letter of a backfill may break them: its message never was in Pub/Sub.
    """
    attributes = message.attributes
    if not message.data and not attributes:
        return "it has neither data nor attributes"
    if len(attributes) > MAX_ATTRIBUTES:
        return f"it has {len(attributes):,} attributes, and Pub/Sub takes {MAX_ATTRIBUTES}"
    for name, value in attributes.items():
        if not name or name.startswith("goog") or len(name.encode()) > MAX_ATTRIBUTE_KEY_BYTES:
            return "Pub/Sub does not take the name of one of its attributes"
        if len(value.encode()) > MAX_ATTRIBUTE_VALUE_BYTES:
            return f"an attribute has more than Pub/Sub's {MAX_ATTRIBUTE_VALUE_BYTES:,} bytes"
    if message_bytes(message) > MAX_MESSAGE_BYTES:
        return f"it has more than the {MAX_MESSAGE_BYTES:,} bytes that Pub/Sub takes in a request"
    return None
