"""Messages as lines, and lines as objects."""

from __future__ import annotations

import re

from google.protobuf.timestamp_pb2 import Timestamp
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage
from hypothesis import given, settings
from hypothesis import strategies as st

from local.archive_batch import Batch, envelope_line
from pipeline.elements import RawMessage
from pipeline.lines import read_envelope
from pipeline.rfc3339 import MAX_US, MIN_US, parse_rfc3339_us
from tests.archive.shop import read_archive


def received(message_id: str, published: str, ack_id: str = "ack", payload: bytes = b"x") -> object:
    time = Timestamp()
    time.FromMicroseconds(parse_rfc3339_us(published))
    message = PubsubMessage.pb()(data=payload, message_id=message_id, publish_time=time)
    return ReceivedMessage.pb()(ack_id=ack_id, message=message)


@settings(max_examples=300, deadline=None)
@given(
    payload=st.binary(max_size=60),
    attributes=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=5),
    message_id=st.text(min_size=1, max_size=20),
    publish_time_us=st.integers(MIN_US, MAX_US),
)
def test_a_line_is_read_back_as_the_message_it_was(
    payload: bytes, attributes: dict[str, str], message_id: str, publish_time_us: int
) -> None:
    message = PubsubMessage.pb()(data=payload, attributes=attributes, message_id=message_id)
    line = envelope_line(message, publish_time_us)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_envelope(line[:-1]) == RawMessage(payload, attributes, message_id, publish_time_us)


def test_each_hour_of_publish_time_has_an_object_of_its_own() -> None:
    batch = Batch()
    batch.add(
        [
            received("3", "2026-03-01T00:00:00Z", "c"),
            received("1", "2026-02-28T23:59:59.999999Z", "a"),
            received("2", "2026-02-28T23:59:59.5Z", "b"),
        ]
    )
    first, second = batch.objects()
    assert re.fullmatch(
        r"date=2026-02-28/hour=23/20260228T235959\.500000Z-[0-9a-f]{16}\.jsonl\.gz", first.name
    )
    assert re.fullmatch(
        r"date=2026-03-01/hour=00/20260301T000000\.000000Z-[0-9a-f]{16}\.jsonl\.gz", second.name
    )
    assert [message.message_id for message in read_archive([first.data])] == ["1", "2"]
    assert [message.message_id for message in read_archive([second.data])] == ["3"]
    assert batch.remove(first.message_ids) == ["a", "b"]
    assert batch.remove(second.message_ids) == ["c"]


def test_the_same_messages_make_the_same_object_and_others_another() -> None:
    names = []
    for payload in (b"x", b"x", b"y"):
        batch = Batch()
        batch.add([received("1", "2026-03-01T00:00:00Z", payload=payload)])
        (only,) = batch.objects()
        names.append((only.name, only.data))
    assert names[0] == names[1]
    assert names[0][0] != names[2][0]


def test_a_message_delivered_twice_is_held_once_with_its_last_acknowledgement_id() -> None:
    batch = Batch()
    batch.add([received("1", "2026-03-01T00:00:00Z", "old")])
    bytes_of_one = batch.bytes
    batch.add([received("1", "2026-03-01T00:00:00Z", "new")])
    assert (len(batch), batch.bytes) == (1, bytes_of_one)
    (only,) = batch.objects()
    assert batch.remove(only.message_ids) == ["new"]
    assert (len(batch), batch.bytes, batch.age_seconds()) == (0, 0, 0.0)
