"""The marks of a replayed message, and what Pub/Sub would never have taken."""

from __future__ import annotations

import pytest

from pipeline.publishing import OutgoingMessage
from pipeline.replay.marks import marked, unpublishable
from pipeline.replay.prepare import event_of
from pipeline.transforms.dead_letters import dead_letter_id
from tests.replay.letters import letter

SHA = "0" * 64


def attributes(count: int) -> dict[str, str]:
    return {f"key{number}": "v" for number in range(count)}


@pytest.mark.parametrize(
    ("count", "marks"),
    [(98, {"replay_count": "2", "original_sha256": SHA}), (99, {"replay_count": "2"}), (100, {})],
)
def test_marks_take_the_room_there_is(count: int, marks: dict[str, str]) -> None:
    assert marked(b"x", attributes(count), 2, "parse", SHA).attributes == {**attributes(count), **marks}


def test_a_count_that_is_there_needs_no_room() -> None:
    full = {**attributes(99), "replay_count": "1"}
    assert marked(b"x", full, 2, "parse").attributes == {**full, "replay_count": "2"}


def test_original_bytes_have_no_hash_beside_them() -> None:
    assert marked(b"x", {}, 1, "parse") == OutgoingMessage(b"x", {"replay_count": "1"})


@pytest.mark.parametrize(
    ("count", "marks"),
    [
        (97, {"replay_count": "2", "replayed_stage": "bigquery", "original_sha256": SHA}),
        (98, {"replay_count": "2", "replayed_stage": "bigquery"}),
        (99, {"replay_count": "2"}),
    ],
)
def test_the_stage_is_named_before_the_hash(count: int, marks: dict[str, str]) -> None:
    given = attributes(count)
    assert marked(b"x", given, 2, "bigquery", SHA).attributes == {**given, **marks}


def test_the_stage_stays_named_when_another_one_refuses_the_replay() -> None:
    once = marked(b"x", {}, 1, "bigquery_unavailable").attributes
    assert marked(b"x", once, 2, "parse").attributes == {
        "replay_count": "2",
        "replayed_stage": "bigquery_unavailable",
    }


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (OutgoingMessage(b"", {}), "neither data nor attributes"),
        (OutgoingMessage(b"x", attributes(101)), "101 attributes"),
        (OutgoingMessage(b"x", {"": "v"}), "the name of one of its attributes"),
        (OutgoingMessage(b"x", {"googol": "v"}), "the name of one of its attributes"),
        (OutgoingMessage(b"x", {"k" * 257: "v"}), "the name of one of its attributes"),
        (OutgoingMessage(b"x", {"k": "ß" * 513}), "more than Pub/Sub's 1,024 bytes"),
        (OutgoingMessage(b"x" * 9_900_001, {}), "more than the 9,900,000 bytes"),
    ],
)
def test_message_beyond_pubsubs_limits_is_named(message: OutgoingMessage, said: str) -> None:
    assert said in (unpublishable(message) or "")


def test_message_at_pubsubs_limits_is_none_of_them() -> None:
    largest = {"k" * 256: "ß" * 512, **attributes(99)}
    assert unpublishable(OutgoingMessage(b"", largest)) is None
    assert unpublishable(OutgoingMessage(b"x" * 9_900_000, {})) is None


def test_a_second_refusal_without_room_for_the_count_is_another_letter() -> None:
    first = letter(1, (b"x", attributes(100)))
    second = first._replace(message=first.message._replace(message_id="m2"))
    assert dead_letter_id(first) != dead_letter_id(second)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (OutgoingMessage(b"{}", {"event_type": "order", "event_id": "e"}), ("order", "e")),
        (OutgoingMessage(b'{"event_type":"order","event_id":"e"}', {}), ("order", "e")),
        (OutgoingMessage(b'{"event_type":"a","event_id":"b"}', {"event_id": "e"}), ("a", "e")),
        (OutgoingMessage(b"\xff", {"event_type": "order"}), ("order", None)),
        (OutgoingMessage(b'{"event_id":5}', {"event_type": "order"}), ("order", None)),
        (
            OutgoingMessage(b'{"b":1,"a":2}', {"event_type": "order"}),
            ("order", "d3626ac30a87e6f7a6428233b3c68299976865fa5508e4267c5415c76af7a772"),
        ),
    ],
)
def test_event_of_a_message_is_the_one_the_parser_would_name(
    message: OutgoingMessage, event: tuple[str | None, str | None]
) -> None:
    assert event_of(message) == event
