"""Which messages are done with."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam

from pipeline.chunks import Chunk
from pipeline.elements import DeadLetter, Event


class MessageIds(beam.PTransform):
    """The messages behind events and dead letters.

    Input: list[Event] or list[DeadLetter]. Output: list[str], message ids.
    """

    def expand(self, elements: beam.PCollection) -> beam.PCollection:
        return elements | "TakeIds" >> beam.ParDo(_TakeIds()).with_output_types(Chunk)


class _TakeIds(beam.DoFn):
    def process(self, elements: list[Event | DeadLetter]) -> Iterator[list[str]]:
        ids = [each.message.message_id for each in elements if each.message.message_id is not None]
        if ids:
            yield ids
