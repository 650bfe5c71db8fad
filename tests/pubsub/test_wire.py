"""Responses assembled from serialized messages are what protobuf would have written."""

from __future__ import annotations

from google.pubsub_v1 import types
from hypothesis import given
from hypothesis import strategies as st

from local.pubsub_server.backlog import AckId, Delivery, StoredMessage
from local.pubsub_server.wire import (
    message_field,
    parse_ack_ids,
    received_messages,
    serialized_message,
    varint,
)

PubsubMessage = types.PubsubMessage.pb()
PullResponse = types.PullResponse.pb()

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MESSAGES = st.builds(
    PubsubMessage,
    data=st.binary(max_size=300),
    attributes=st.dictionaries(TEXT, TEXT, max_size=3),
    message_id=TEXT,
)
DELIVERIES = st.lists(st.tuples(st.integers(1, 2**62), st.integers(1, 300), MESSAGES), max_size=5)


@given(deliveries=DELIVERIES, with_attempts=st.booleans())
def test_a_response_parses_to_what_was_delivered(
    deliveries: list[tuple[int, int, object]], with_attempts: bool
) -> None:
    serialized = received_messages(
        [
            Delivery(
                AckId(message_id, attempt),
                attempt,
                StoredMessage(message_id, 0, message_field(message.SerializeToString())),  # type: ignore[attr-defined]
            )
            for message_id, attempt, message in deliveries
        ],
        with_attempts,
    )
    received = PullResponse.FromString(serialized).received_messages
    assert [one.message for one in received] == [message for _, _, message in deliveries]
    assert [one.delivery_attempt for one in received] == [
        attempt if with_attempts else 0 for _, attempt, _ in deliveries
    ]
    assert parse_ack_ids(one.ack_id for one in received) == [(i, attempt) for i, attempt, _ in deliveries]


@given(number=st.integers(0, 2**63 - 1))
def test_a_varint_is_protobufs(number: int) -> None:
    assert PullResponse.FromString(b"").SerializeToString() == b""
    pull = types.StreamingPullRequest.pb()(max_outstanding_messages=number)
    assert pull.SerializeToString() == (b"\x38" + varint(number) if number else b"")


@given(data=st.binary(max_size=40_000))
def test_a_message_is_taken_out_of_its_field_again(data: bytes) -> None:
    assert serialized_message(message_field(data)) == data
