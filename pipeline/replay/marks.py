"""What a replayed message says beyond the original: who refused it, how often it was replayed, its hash."""

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

    `stage` is the letter's. A message whose event is remembered has its stage in any case, and may be
    `unpublishable` with it. Count and hash are left out for want of room, the hash first; the table `replays`
    has both.
    """
    message = OutgoingMessage(payload, dict(attributes))
    remembered = _remembered_stage(attributes, stage)
    if remembered is not None:
        # With the count, so that one attribute is enough to tell a second replay from the first.
        message.attributes[REPLAYED_STAGE] = f"{remembered}:{replay_count}"
    marks = {REPLAY_COUNT: str(replay_count)}
    if original_sha256 is not None:
        marks[ORIGINAL_SHA256] = original_sha256
    for name, value in marks.items():
        larger = OutgoingMessage(payload, {**message.attributes, name: value})
        if unpublishable(larger) is None:
            message = larger
    return message


def _remembered_stage(attributes: Mapping[str, str], stage: str) -> str | None:
    """The stage that refused the event behind de-duplication: this letter's, or an earlier letter's."""
    if stage in STAGES:
        return stage
    # Whatever refuses the replay now, the event's id is still remembered.
    earlier = attributes.get(REPLAYED_STAGE, "").partition(":")[0]
    return earlier if earlier in STAGES else None


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
