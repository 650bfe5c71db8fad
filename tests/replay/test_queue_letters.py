"""A letter is the same letter, whether the queue's message or the table's row tells of it."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from pipeline.elements import DeadLetter
from pipeline.replay.letters import NoDeadLetter, letter_of_message, letter_of_row
from pipeline.transforms.dead_letters import dead_letter_id, dead_letter_message, dead_letter_row, payload_uri
from tests.replay.letters import letter


def row_as_read(row: bytes) -> dict[str, Any]:
    """The row as BigQuery's client gives it back."""
    columns = orjson.loads(row)
    payload = columns.get("payload")
    return {
        "event_type": None,
        "message_id": None,
        "payload_uri": None,
        **columns,
        "payload": None if payload is None else base64.b64decode(payload),
        "failed_at": datetime.fromisoformat(columns["failed_at"]),
    }


WITHOUT_ID = replace(letter(15), message=replace(letter(15).message, given_id=None))


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5])
def test_queue_and_table_tell_the_same(number: int) -> None:
    original = letter(number)
    uri = payload_uri(original, "gs://lake")
    sent = dead_letter_message(original, uri)
    from_queue = letter_of_message(sent.data, sent.attributes)
    from_table = letter_of_row(row_as_read(dead_letter_row(original, uri).json))
    assert from_queue == from_table._replace(payload=original.message.payload, payload_bytes=None)
    assert from_queue.dead_letter_id == dead_letter_id(original)
    assert from_queue.attributes == original.message.attributes
    assert from_table.payload == (None if uri else original.message.payload)


@pytest.mark.parametrize("original", [letter(15), WITHOUT_ID], ids=["with id", "without id"])
def test_letter_whose_bytes_had_no_room_says_where_they_lie(original: DeadLetter) -> None:
    uri = payload_uri(original, "gs://lake")
    sent = dead_letter_message(original, uri)
    read = letter_of_message(sent.data, sent.attributes)
    assert (sent.data, read.payload, read.payload_uri, read.attributes) == (b"", None, uri, None)
    assert read.dead_letter_id == dead_letter_id(original)


def test_letter_with_full_attributes_does_not_pretend_to_have_them_all() -> None:
    sent = dead_letter_message(letter(3), None)
    assert letter_of_message(sent.data, sent.attributes).attributes is None


def test_empty_payload_is_a_payload() -> None:
    sent = dead_letter_message(letter(0, (b"", {"event_id": "e"})), None)
    assert letter_of_message(sent.data, sent.attributes).payload == b""


@pytest.mark.parametrize("missing", ["stage", "reason", "failed_at", "fingerprint", "errors"])
def test_message_that_lacks_what_a_letter_has_is_none(missing: str) -> None:
    sent = dead_letter_message(letter(0), None)
    attributes = {name: value for name, value in sent.attributes.items() if name != missing}
    with pytest.raises(NoDeadLetter):
        letter_of_message(sent.data, attributes)


@pytest.mark.parametrize(("name", "value"), [("errors", "5"), ("errors", "[5]"), ("failed_at", "now")])
def test_message_with_another_meaning_of_an_attribute_is_none(name: str, value: str) -> None:
    sent = dead_letter_message(letter(0), None)
    with pytest.raises(NoDeadLetter):
        letter_of_message(sent.data, {**sent.attributes, name: value})
