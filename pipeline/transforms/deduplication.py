"""The same event once: by event_id within its type, for as long as the contract says."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder, VarIntCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from pipeline.chunks import Chunk, GatherChunks
from pipeline.elements import Event
from pipeline.seen_ids import SeenIds, identity_key, next_token

CACHED_INDEXES = 1_024


class DeduplicateOutputs(NamedTuple):
    """What comes out of Deduplicate."""

    events: beam.PCollection  # list[Event]
    duplicates: beam.PCollection  # list[Event]


class Deduplicate(beam.PTransform):
    """Let the first event of each (event_type, event_id) through, and set the others aside.

    A replay of what BigQuery did not take passes as well, once, by its attribute `replayed_stage`.

    An id is known for `ttl_seconds` (s of publish time) after its first event, or after such a replay.
    Events are keyed by one of `buckets` hash buckets and shuffled as lists, so that neither the shuffle
    nor the state is paid per event. State per bucket: 24 bytes for each id of up to two `ttl_seconds`.

    Input: list[Event]. Output: DeduplicateOutputs; an event is in exactly one of the two.
    Source: docs/adr/0004-deduplicate-in-buckets.md
    """

    def __init__(self, ttl_seconds: int, buckets: int) -> None:
        super().__init__()
        self.ttl_seconds = ttl_seconds
        self.buckets = buckets

    def expand(self, events: beam.PCollection) -> DeduplicateOutputs:
        keep_first = beam.ParDo(_KeepFirst(self.ttl_seconds)).with_output_types(Chunk, duplicates=Chunk)
        split = (
            events
            | "KeyByBucket" >> beam.ParDo(_KeyByBucket(self.buckets)).with_output_types(tuple[int, Chunk])
            | "KeepFirst" >> keep_first.with_outputs("duplicates", main="first")
        )
        return DeduplicateOutputs(split.first | "GatherChunks" >> GatherChunks(), split.duplicates)


# Reading a bucket's whole log for every bundle would cost more than everything else. The index stays in
# the process and is used as long as its token is the one in state; after a retry, or when the bucket has
# been on another worker, it is not, and the log is read again.
_INDEXES: OrderedDict[int, SeenIds] = OrderedDict()


class _KeyByBucket(beam.DoFn):
    def __init__(self, buckets: int) -> None:
        self.buckets = buckets

    def process(self, events: list[Event]) -> Iterator[tuple[int, list[Event]]]:
        by_bucket: dict[int, list[Event]] = {}
        for event in events:
            bucket = int.from_bytes(identity_key(event)[:4], "big") % self.buckets
            by_bucket.setdefault(bucket, []).append(event)
        yield from by_bucket.items()


class _KeepFirst(beam.DoFn):
    """Two logs take turns, one per period of `ttl_seconds`: an id of the period before last has expired."""

    EVEN = BagStateSpec("even_periods", BytesCoder())
    ODD = BagStateSpec("odd_periods", BytesCoder())
    PERIOD = ReadModifyWriteStateSpec("period", VarIntCoder())
    TOKEN = ReadModifyWriteStateSpec("token", BytesCoder())

    def __init__(self, ttl_seconds: int) -> None:
        self.ttl_us = ttl_seconds * 1_000_000

    def process(
        self,
        element: tuple[int, list[Event]],
        even: Any = beam.DoFn.StateParam(EVEN),
        odd: Any = beam.DoFn.StateParam(ODD),
        period_state: Any = beam.DoFn.StateParam(PERIOD),
        token_state: Any = beam.DoFn.StateParam(TOKEN),
    ) -> Iterator[object]:
        bucket, events = element
        token = token_state.read() or b""
        known_period = period_state.read()
        period = max(self._period(event) for event in events)
        if known_period is None or period > known_period:
            period_state.write(period)
            if known_period is not None:
                (odd if period % 2 else even).clear()
                if period > known_period + 1:
                    (even if period % 2 else odd).clear()
                token = next_token(token, b"period %d" % period)
        else:
            period = known_period
        index = _INDEXES.pop(bucket, None)
        if index is None or index.token != token:
            index = SeenIds(itertools.chain(even.read(), odd.read()), token)
        first, duplicates, block = index.split(events, self.ttl_us)
        if block:
            (odd if period % 2 else even).add(block)
        token_state.write(index.token)
        _INDEXES[bucket] = index
        if len(_INDEXES) > CACHED_INDEXES:
            _INDEXES.popitem(last=False)
        if first:
            yield first
        if duplicates:
            yield beam.pvalue.TaggedOutput("duplicates", duplicates)

    def _period(self, event: Event) -> int:
        return event.publish_time_us // self.ttl_us
