"""ParseMessages: each message in exactly one output, and what is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import apache_beam as beam
import orjson
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.elements import ByteRange, DeadLetter, Event, RawMessage
from pipeline.errors import Rejected
from pipeline.parse import Parser
from pipeline.transforms.finishing import MessageIds
from pipeline.transforms.parsing import ParseMessages, ParseSettings, parse_chunk
from tests.contract.messages import CONTRACT, PARSER, PROCESSED_US, PUBLISHED_US, good, message, refusal
from tests.transforms.streams import run_batch

GOOD = replace(message(good()), given_id="good")
BAD = replace(message(b"{"), given_id="bad")
NAMELESS = replace(message(good(), {"event_id": "e1"}), given_id=None)
UNEXPECTED = message({**good(), "extra": 1})
LENIENT = Parser(CONTRACT, unknown_fields="drop")


def parse(
    settings: ParseSettings,
) -> Callable[[beam.PCollection], Mapping[str, beam.PCollection]]:
    return lambda messages: (messages | ParseMessages(settings))._asdict()


def test_messages_are_split_in_order_and_neighbours_of_bad_ones_unharmed() -> None:
    events, letters = parse_chunk(PARSER, [BAD, GOOD, NAMELESS, GOOD], PROCESSED_US)
    assert [event.message for event in events] == [GOOD, GOOD]
    assert events[0] == PARSER.parse(GOOD, PROCESSED_US)
    assert letters == [
        DeadLetter(BAD, "parse", "malformed_json", refusal(BAD).errors, "order", PROCESSED_US),
        DeadLetter(NAMELESS, "parse", "unknown_event_type", refusal(NAMELESS).errors, None, PROCESSED_US),
    ]
    assert letters[0].message is BAD


@given(st.lists(st.sampled_from([GOOD, BAD, NAMELESS, UNEXPECTED]), max_size=12))
def test_a_chunk_is_read_as_its_messages_are_one_by_one(messages: list[RawMessage]) -> None:
    """What takes a closer look and is accepted then, as an unexpected field can be, stands in its place."""
    messages = [replace(each, given_id=str(number)) for number, each in enumerate(messages)]
    events, letters = LENIENT.parse_all(messages, PROCESSED_US)
    expected: list[Event] = []
    refused: list[tuple[RawMessage, str]] = []
    for each in messages:
        try:
            expected.append(LENIENT.parse(each, PROCESSED_US))
        except Rejected as rejected:
            refused.append((each, rejected.reason))
    assert events == expected
    assert [(letter.message, letter.reason) for letter in letters] == refused


def test_each_message_is_in_exactly_one_output() -> None:
    outcome = run_batch([[GOOD, BAD], [GOOD], [BAD, BAD]], parse(ParseSettings()))
    assert [len(chunk) for chunk in outcome.outputs["events"]] == [1, 1]
    assert [[each.message for each in chunk] for chunk in outcome.outputs["dead_letters"]] == [
        [BAD],
        [BAD, BAD],
    ]
    (first, _) = outcome.outputs["events"]
    assert first[0].processed_at_us > PUBLISHED_US


def test_settings_reach_the_parser() -> None:
    unexpected = message({**good(), "extra": 1})
    early = message(good(order_date="2024-05-01T12:00:20Z"))
    strict = run_batch([[unexpected, early]], parse(ParseSettings(max_future_seconds=10)))
    assert [each.reason for each in strict.outputs["dead_letters"][0]] == [
        "unexpected_field",
        "event_time_in_future",
    ]
    lenient = run_batch(
        [[unexpected, early]], parse(ParseSettings(unknown_fields="drop", late_after_seconds=1))
    )
    assert [each.is_late for each in lenient.outputs["events"][0]] == [True, False]


def test_dropped_fields_are_counted() -> None:
    twice = message({**good(), "extra": 1, "more": {"a": 1}})
    outcome = run_batch([[twice, GOOD], [twice]], parse(ParseSettings(unknown_fields="drop")))
    assert outcome.counters == {"dropped_fields": 4}
    row = orjson.loads(outcome.outputs["events"][0][0].row)
    assert not row.keys() & {"extra", "more"}


def test_finished_messages_are_those_with_an_id() -> None:
    def finish(messages: beam.PCollection) -> Mapping[str, beam.PCollection]:
        parsed = messages | ParseMessages(ParseSettings())
        return {
            "accepted": parsed.events | "Accepted" >> MessageIds(),
            "refused": parsed.dead_letters | "Refused" >> MessageIds(),
        }

    without_id: RawMessage = replace(GOOD, given_id=None)
    outcome = run_batch([[GOOD, BAD, without_id], [NAMELESS]], finish)
    assert outcome.outputs == {"accepted": [["good"]], "refused": [["bad"]]}


def test_of_messages_from_a_file_nobody_waits_to_hear() -> None:
    from_file: RawMessage = replace(GOOD, read_from=ByteRange("gs://raw/part-1.jsonl.gz", 0, 9))
    outcome = run_batch(
        [[GOOD, from_file]],
        lambda messages: {"ids": (messages | ParseMessages(ParseSettings())).events | MessageIds()},
    )
    assert outcome.outputs == {"ids": [["good"]]}
