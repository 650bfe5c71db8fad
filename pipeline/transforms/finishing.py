"""Which messages are done with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam

from pipeline.chunks import Chunk
from pipeline.elements import DeadLetter, Event


class MessageIds(beam.PTransform):
    """The messages behind events and dead letters.

    Input: list[Event] or list[DeadLetter]. Output: list[str], as `message_ids` gives them, none empty.
    """

    def expand(self, elements: beam.PCollection) -> beam.PCollection:
        return elements | "TakeIds" >> beam.ParDo(_TakeIds()).with_output_types(Chunk)


def message_ids(elements: Iterable[Event | DeadLetter]) -> list[str]:
    """The ids of the messages behind them; none of a message from a file, of which nobody waits to hear."""
    return [
        message.given_id
        for each in elements
        if (message := each.message).read_from is None and message.given_id is not None
    ]


class _TakeIds(beam.DoFn):
    def process(self, elements: list[Event | DeadLetter]) -> Iterator[list[str]]:
        ids = message_ids(elements)
        if ids:
            yield ids
