"""From messages to events, and the first way into the dead-letter queue."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Literal, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipeline.clock import now_us
from pipeline.contract import load_contract
from pipeline.elements import DeadLetter, Event, RawMessage
from pipeline.errors import Rejected
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
        parsed = messages | "Parse" >> beam.ParDo(_Parse(self.settings)).with_outputs(
            "dead_letters", main="events"
        )
        return ParseOutputs(parsed.events, parsed.dead_letters)


def parse_chunk(
    parser: Parser, messages: Iterable[RawMessage], processed_at_us: int
) -> tuple[list[Event], list[DeadLetter]]:
    """Split messages into events and dead letters, in order."""
    events: list[Event] = []
    dead_letters: list[DeadLetter] = []
    for message in messages:
        try:
            events.append(parser.parse(message, processed_at_us))
        except Rejected as refusal:
            dead_letters.append(
                DeadLetter(
                    message, "parse", refusal.reason, refusal.errors, refusal.event_type, processed_at_us
                )
            )
    return events, dead_letters


class _Parsers(threading.local):
    """A parser per thread: it counts, and is not for several threads at once."""

    def __init__(self) -> None:
        self._by_settings: dict[ParseSettings, Parser] = {}

    def of(self, settings: ParseSettings) -> Parser:
        parser = self._by_settings.get(settings)
        if parser is None:
            parser = self._by_settings[settings] = Parser(
                load_contract(settings.schemas_path),
                unknown_fields=settings.unknown_fields,
                max_future_seconds=settings.max_future_seconds,
                late_after_seconds=settings.late_after_seconds,
            )
        return parser


_PARSERS = _Parsers()


class _Parse(beam.DoFn):
    def __init__(self, settings: ParseSettings) -> None:
        self.settings = settings
        self.dropped = Metrics.counter("contract", "dropped_fields")

    def process(self, messages: list[RawMessage]) -> Iterable[object]:
        parser = _PARSERS.of(self.settings)
        dropped_before = parser.dropped_fields
        events, dead_letters = parse_chunk(parser, messages, now_us())
        if parser.dropped_fields > dropped_before:
            self.dropped.inc(parser.dropped_fields - dropped_before)
        if events:
            yield events
        if dead_letters:
            yield beam.pvalue.TaggedOutput("dead_letters", dead_letters)
