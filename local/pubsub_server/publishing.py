"""From a Publish request to stored messages: limits, ids, time stamp, serialization."""

from __future__ import annotations

from typing import Any

from local.pubsub_server.backlog import StoredMessage
from local.pubsub_server.errors import InvalidArgument
from local.pubsub_server.wire import message_field

MAX_REQUEST_BYTES = 10 * 1024 * 1024
MAX_REQUEST_MESSAGES = 1_000
MAX_DATA_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1_024
MAX_ORDERING_KEY_BYTES = 1_024


def check_request(request: Any) -> None:
    """Raise InvalidArgument unless Pub/Sub would take this PublishRequest as a whole."""
    if not request.messages:
        raise InvalidArgument("No messages to publish: a request needs at least one.")
    if len(request.messages) > MAX_REQUEST_MESSAGES:
        raise InvalidArgument(
            f"Too many messages to publish: {len(request.messages)} in one request, "
            f"which holds {MAX_REQUEST_MESSAGES}."
        )
    request_bytes = request.ByteSize()
    if request_bytes > MAX_REQUEST_BYTES:
        raise InvalidArgument(
            f"Request payload size exceeds the limit: {request_bytes} bytes of {MAX_REQUEST_BYTES}."
        )
    for message in request.messages:
        _check_message(message)


def stored_messages(messages: Any, first_message_id: int, publish_time_us: int) -> list[StoredMessage]:
    """Give PubsubMessages their ids and time (writing into them) and serialize each once."""
    seconds, microseconds = divmod(publish_time_us, 1_000_000)
    nanos = microseconds * 1_000
    stored = []
    for message_id, message in enumerate(messages, first_message_id):
        message.message_id = str(message_id)
        publish_time = message.publish_time
        publish_time.seconds = seconds
        publish_time.nanos = nanos
        stored.append(StoredMessage(message_id, publish_time_us, message_field(message.SerializeToString())))
    return stored


def _check_message(message: Any) -> None:
    data_bytes = len(message.data)
    attributes = message.attributes
    if not data_bytes and not attributes:
        raise InvalidArgument("Some messages are empty: a message needs data or at least one attribute.")
    if data_bytes > MAX_DATA_BYTES:
        raise InvalidArgument(f"Message data is too large: {data_bytes} bytes of {MAX_DATA_BYTES}.")
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidArgument(f"Too many attributes: {len(attributes)}, and a message has {MAX_ATTRIBUTES}.")
    for key, value in attributes.items():
        if not key:
            raise InvalidArgument("Some attribute keys are empty.")
        if _utf8_bytes(key) > MAX_KEY_BYTES:
            raise InvalidArgument(f"Attribute key is too large: {_utf8_bytes(key)} bytes of {MAX_KEY_BYTES}.")
        if _utf8_bytes(value) > MAX_VALUE_BYTES:
            raise InvalidArgument(
                f"Attribute value of {key} is too large: {_utf8_bytes(value)} bytes of {MAX_VALUE_BYTES}."
            )
    if _utf8_bytes(message.ordering_key) > MAX_ORDERING_KEY_BYTES:
        raise InvalidArgument(
            f"The ordering key is too large: it has at most {MAX_ORDERING_KEY_BYTES} bytes."
        )


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
