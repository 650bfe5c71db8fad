"""From messages to events, and the first way into the dead-letter queue."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Literal, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from msgspec.structs import replace

from pipeline.chunks import Chunk
from pipeline.clock import now_us
from pipeline.contract import load_contract
from pipeline.elements import DeadLetter, Event, RawMessage
from pipeline.parse import Parser


class ParseSettings(NamedTuple):
    """How strictly to read; times in seconds."""

    schemas_path: str | None = None
    unknown_fields: Literal["reject", "drop"] = "reject"
    max_future_seconds: int = 300
    late_after_seconds: int = 300


class ParseOutputs(NamedTuple):
    """What comes out of ParseMessages."""

    events: beam.PCollection  # list[Event]
    dead_letters: beam.PCollection  # list[DeadLetter]


class ParseMessages(beam.PTransform):
    """Read each message as an event of the contract, or refuse it with all its errors.

    Input: list[RawMessage].
    Output: ParseOutputs; a message is in exactly one of the two.
    Rejects: everything of stage `parse`, see pipeline.errors.
    """

    def __init__(self, settings: ParseSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, messages: beam.PCollection) -> ParseOutputs:
        parsed = messages | "Parse" >> beam.ParDo(_Parse(self.settings)).with_output_types(
            Chunk, dead_letters=Chunk
        ).with_outputs("dead_letters", main="events")
        return ParseOutputs(parsed.events, parsed.dead_letters)


def parse_chunk(
    parser: Parser, messages: Iterable[RawMessage], processed_at_us: int
) -> tuple[list[Event], list[DeadLetter]]:
    """Split messages into events and dead letters, in order.

    A dead letter without a publish time counts in the ledger at the time of the earliest event beside it, so
    that it counts in the same window whenever it is read.
    """
    events, dead_letters = parser.parse_all(messages, processed_at_us)
    if any(letter.message.publish_time_us is None for letter in dead_letters):
        beside_us = min([event.publish_time_us for event in events], default=None)
        dead_letters = [replace(letter, counts_at_us=beside_us) for letter in dead_letters]
    return events, dead_letters


def parser_of(settings: ParseSettings) -> Parser:
    """This thread's parser: it counts, and is not for several threads at once."""
    parser = _PARSERS.by_settings.get(settings)
    if parser is None:
        parser = _PARSERS.by_settings[settings] = Parser(
            load_contract(settings.schemas_path),
            unknown_fields=settings.unknown_fields,
            max_future_seconds=settings.max_future_seconds,
            late_after_seconds=settings.late_after_seconds,
        )
    return parser


class _Parsers(threading.local):
    def __init__(self) -> None:
        self.by_settings: dict[ParseSettings, Parser] = {}


_PARSERS = _Parsers()


class _Parse(beam.DoFn):
    def __init__(self, settings: ParseSettings) -> None:
        self.settings = settings
        self.dropped = Metrics.counter("contract", "dropped_fields")

    def process(self, messages: list[RawMessage]) -> Iterable[object]:
        parser = parser_of(self.settings)
        dropped_before = parser.dropped_fields
        events, dead_letters = parse_chunk(parser, messages, now_us())
        if parser.dropped_fields > dropped_before:
            self.dropped.inc(parser.dropped_fields - dropped_before)
        if events:
            yield events
        if dead_letters:
            yield beam.pvalue.TaggedOutput("dead_letters", dead_letters)
