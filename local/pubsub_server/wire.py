"""Messages as bytes: serialized once when published, joined into responses when delivered.

A response to Pull or StreamingPull is `repeated ReceivedMessage received_messages = 1`, and a
ReceivedMessage is `ack_id = 1, message = 2, delivery_attempt = 3`. In protobuf's wire format all of
them are length-prefixed parts, so a response is assembled without parsing a message again.
"""

from __future__ import annotations

from collections.abc import Iterable

from local.pubsub_server.backlog import AckId, Delivery
from local.pubsub_server.errors import InvalidArgument

# Clients in emulator mode keep gRPC's default limit of 4 MiB a response; a larger message goes alone.
MAX_RESPONSE_BYTES = 3 << 20
MAX_RESPONSE_MESSAGES = 1_000

_RESPONSE_FIELD = b"\x0a"
_ACK_ID_FIELD = b"\x0a"
_MESSAGE_FIELD = b"\x12"
_DELIVERY_ATTEMPT_FIELD = b"\x18"
_ONE_BYTE = tuple(bytes((n,)) for n in range(0x80))


def varint(number: int) -> bytes:
    """Encode a non-negative number as protobuf does: seven bits a byte, lowest first."""
    if number < 0x80:
        return _ONE_BYTE[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def message_field(serialized_message: bytes) -> bytes:
    """Frame a serialized PubsubMessage as the `message` field of a ReceivedMessage."""
    return _MESSAGE_FIELD + varint(len(serialized_message)) + serialized_message


def serialized_message(field: bytes) -> bytes:
    """Undo `message_field`."""
    start = 1
    while field[start] & 0x80:
        start += 1
    return field[start + 1 :]


def received_messages(deliveries: Iterable[Delivery], with_attempts: bool) -> bytes:
    """Serialize deliveries as a PullResponse, which is a StreamingPullResponse too.

    `with_attempts` fills delivery_attempt, which Pub/Sub does only under a dead-letter policy.
    """
    parts: list[bytes] = []
    for ack_id, attempt, message in deliveries:
        ack_text = b"%d-%d" % ack_id
        received = _ACK_ID_FIELD + _ONE_BYTE[len(ack_text)] + ack_text + message.field
        if with_attempts:
            received += _DELIVERY_ATTEMPT_FIELD + varint(attempt)
        parts += (_RESPONSE_FIELD, varint(len(received)), received)
    return b"".join(parts)


def parse_ack_ids(texts: Iterable[str]) -> list[AckId]:
    """Read ack ids back. Raises InvalidArgument at one that was not written here."""
    try:
        return [AckId(*map(int, text.split("-"))) for text in texts]
    except (TypeError, ValueError):
        raise InvalidArgument("You have passed an invalid ack ID to the service.") from None
