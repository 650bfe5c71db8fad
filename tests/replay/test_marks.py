"""The marks of a replayed message, and what Pub/Sub would never have taken."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipeline.bigquery_refusals import STAGES
from pipeline.publishing import OutgoingMessage
from pipeline.replay.letters import letter_of_row
from pipeline.replay.marks import marked, unpublishable
from pipeline.replay.prepare import Choice, Left, Prepared, _made, event_of
from pipeline.seen_ids import SeenIds
from pipeline.transforms.dead_letters import dead_letter_id, dead_letter_row
from tests.replay.letters import letter
from tests.replay.test_queue_letters import row_as_read
from tests.transforms.builders import event

SHA = "0" * 64


def attributes(count: int) -> dict[str, str]:
    return {f"key{number}": "v" for number in range(count)}


def prepared(message: tuple[bytes, dict[str, str]], stage: str, replay_count: int = 1) -> Prepared | Left:
    """What becomes of the letter of a message that this stage refused."""
    refused = replace(letter(1, message), stage=stage)
    read = letter_of_row(row_as_read(dead_letter_row(refused, None).json))
    return _made(read, *message, replay_count, Choice((), only_repaired=False, max_replays=3))


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
        (97, {"replay_count": "2", "replayed_stage": "bigquery:2", "original_sha256": SHA}),
        (98, {"replay_count": "2", "replayed_stage": "bigquery:2"}),
        (99, {"replayed_stage": "bigquery:2"}),
    ],
)
def test_the_stage_is_named_before_count_and_hash(count: int, marks: dict[str, str]) -> None:
    given = attributes(count)
    assert marked(b"x", given, 2, "bigquery", SHA).attributes == {**given, **marks}


def test_the_stage_stays_named_when_another_one_refuses_the_replay() -> None:
    once = marked(b"x", {}, 1, "bigquery_unavailable").attributes
    assert marked(b"x", once, 2, "parse").attributes == {
        "replay_count": "2",
        "replayed_stage": "bigquery_unavailable:2",
    }


def test_a_stage_that_a_producer_made_up_is_none() -> None:
    made_up = {"replayed_stage": "x" * 1_024}
    assert marked(b"x", made_up, 1, "parse").attributes == {**made_up, "replay_count": "1"}
    assert marked(b"x", made_up, 1, "bigquery").attributes["replayed_stage"] == "bigquery:1"


@pytest.mark.parametrize("message", [(b"x", attributes(100)), (b"x" * 9_900_000, {})], ids=["100", "9.9 MB"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_letter_without_room_for_its_stage_is_left_and_says_how_to_mend_it(
    stage: str, message: tuple[bytes, dict[str, str]]
) -> None:
    left = prepared(message, stage)
    assert isinstance(left, Left)
    assert left.why == "beyond Pub/Sub's limits"
    assert left.detail.endswith(
        ", replayed_stage included, without which it is a duplicate: drop an attribute with a rule"
    )
    assert isinstance(prepared(message, "parse"), Prepared)


@pytest.mark.parametrize("count", [98, 99])
def test_each_replay_of_a_letter_with_many_attributes_gets_past_deduplication(count: int) -> None:
    original = event("e1")
    message = replace(original.message, attributes=attributes(count))
    events = [original]
    for replay_count in (1, 2):
        again = prepared((message.payload, dict(message.attributes)), "bigquery", replay_count)
        assert isinstance(again, Prepared)
        message = replace(message, attributes=again.message.attributes)
        events.append(replace(original, message=message))
    first, duplicates, _ = SeenIds([], b"").split([*events, *events], 86_400_000_000)
    assert (first, duplicates) == (events, events)


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
    second = replace(first, message=replace(first.message, given_id="m2"))
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
