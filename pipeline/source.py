"""What a run reads from, and what it owes the source: the only place where the ways of running differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub

from pipeline.chunks import Chunk, GatherChunks
from pipeline.elements import RawMessage
from pipeline.transforms.deduplication import Deduplicate


class DeduplicateSettings(NamedTuple):
    """How long an event id is remembered, and over how many keys the ids are spread."""

    ttl_seconds: int
    buckets: int


class Ignore(beam.PTransform):
    """Wants to hear nothing: the runner acknowledges, or there is nothing to acknowledge."""

    def expand(self, elements: beam.PCollection) -> beam.PCollection:
        return elements


class Source(ABC):
    """A reader, how its events are told from their duplicates, and what it wants to hear back: nothing."""

    @abstractmethod
    def read(self) -> beam.PTransform:
        """PBegin -> list[RawMessage], stamped with publish time."""

    def deduplicate(self, settings: DeduplicateSettings) -> beam.PTransform:
        """list[Event] -> DeduplicateOutputs. An id is remembered in state."""
        return Deduplicate(settings.ttl_seconds, settings.buckets)

    def observe_written(self) -> beam.PTransform:
        """list[Event] that BigQuery has accepted -> nothing."""
        return Ignore()

    def acknowledge(self) -> beam.PTransform:
        """list[str], ids of messages of which every sink has its part -> nothing."""
        return Ignore()

    def record_loads(self) -> beam.PTransform:
        """LoadOutcomes, with all that must be written before a file counts as loaded -> nothing."""
        return Ignore()


class PubSubSource(Source):
    """Beam's own Pub/Sub read: native on Dataflow, slow on one machine; the runner acknowledges."""

    def __init__(self, subscription: str) -> None:
        self.subscription = subscription

    def read(self) -> beam.PTransform:
        """PBegin -> list[RawMessage]."""
        return ReadPubSub(self.subscription)


class ReadPubSub(beam.PTransform):
    """Read a subscription.

    Output: list[RawMessage], stamped with the earliest publish time in the list. No attribute replaces
    the publish time: a client's clock is not to be trusted with the watermark.
    """

    def __init__(self, subscription: str) -> None:
        super().__init__()
        self.subscription = subscription

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        return (
            begin
            | "ReadFromPubSub" >> ReadFromPubSub(subscription=self.subscription, with_attributes=True)
            | "ToRawMessages" >> beam.Map(to_raw_messages).with_output_types(Chunk)
            | "GatherChunks" >> GatherChunks()
        )


def to_raw_messages(message: PubsubMessage) -> list[RawMessage]:
    """Beam's message as a list of one RawMessage."""
    published = message.publish_time
    return [
        RawMessage(
            message.data or b"",
            dict(message.attributes or {}),
            message.message_id,
            None if published is None else round(published.timestamp() * 1_000_000),
        )
    ]
