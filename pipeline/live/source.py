"""The live source: a subscription read on one machine, acknowledged after the sinks have written."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.testing.test_stream import TestStream

from pipeline.chunks import Chunk
from pipeline.clock import now_us
from pipeline.elements import Event, RawMessage
from pipeline.histogram import Histogram
from pipeline.live.bundles import make_bundles_cheap
from pipeline.live.counters import count_every_bundle
from pipeline.live.flight import InFlight
from pipeline.live.reflection import remember_signatures
from pipeline.live.service import PROBE, TURN_CODER, StreamService
from pipeline.live.subscription import SubscriptionReader
from pipeline.source import Source

# The runner pickles every DoFn for every bundle, so a DoFn finds its source by the endpoint.
_SOURCES: dict[str, LiveSource] = {}


class LiveSource(Source):
    """Reads `subscription` within this process.

    `max_in_flight` bounds the messages that are pulled and not acknowledged; `slack_us` is how far the
    watermark stays behind the earliest publish time seen; `longest_timer_seconds` is the longest that a
    trigger of the graph waits in processing time.
    """

    def __init__(
        self, subscription: str, *, max_in_flight: int, slack_us: int, longest_timer_seconds: int
    ) -> None:
        self.flight = InFlight()
        self.reader = SubscriptionReader(subscription, self.flight, max_in_flight, slack_us)
        self._service = StreamService(self.reader, longest_timer_seconds)
        self._lock = threading.Lock()
        self._publish_to_row_ms = Histogram()
        self.rows_written = 0
        _SOURCES[self._service.endpoint] = self

    def start(self) -> None:
        """Start pulling and serving.

        Raises google.api_core.exceptions.GoogleAPICallError if the subscription cannot be read.
        """
        remember_signatures()
        count_every_bundle()
        make_bundles_cheap()
        # What is loaded by now stays: a full collection that walks it again stops everything for 60 ms.
        gc.freeze()
        self.reader.start()
        self._service.start()

    def drain(self) -> None:
        """Pull nothing more; the graph finishes what it has, closes its windows and ends."""
        self.reader.stop_pulling()

    def close(self) -> None:
        """Send the last acknowledgements and free everything."""
        self._service.stop()
        self.reader.close()
        _SOURCES.pop(self._service.endpoint, None)

    def read(self) -> beam.PTransform:
        """PBegin -> list[RawMessage]."""
        return ReadLive(self._service.endpoint)

    def observe_written(self) -> beam.PTransform:
        """list[Event] -> nothing; measures the time from publish to row."""
        return ObserveWritten(self._service.endpoint)

    def acknowledge(self) -> beam.PTransform:
        """list[str], message ids -> nothing; acknowledges them."""
        return Acknowledge(self._service.endpoint)

    def collect(self, turn: int) -> list[RawMessage]:
        """The messages of a turn, once."""
        return self._service.collect(turn)

    def note_idle(self) -> None:
        """The graph has nothing more to do."""
        self._service.note_idle()

    def note_written(self, events: list[Event]) -> None:
        """BigQuery has accepted these events just now."""
        now = now_us()
        with self._lock:
            self.rows_written += len(events)
            for event in events:
                self._publish_to_row_ms.add((now - event.publish_time_us) / 1_000)

    def publish_to_row_ms(self) -> Histogram:
        """The times from publish to row so far, in ms."""
        with self._lock:
            return Histogram(self._publish_to_row_ms.counts)


class ReadLive(beam.PTransform):
    """Read the live source.

    Output: list[RawMessage], stamped with the earliest publish time in the list.
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self.endpoint = endpoint

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        return (
            begin
            | "Stream" >> TestStream(coder=TURN_CODER, endpoint=self.endpoint)  # int
            | "TakeTurn" >> beam.ParDo(_TakeTurn(self.endpoint)).with_output_types(Chunk)
        )


class ObserveWritten(beam.PTransform):
    """Tell the live source which events have their row. Input: list[Event]."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self.endpoint = endpoint

    def expand(self, written: beam.PCollection) -> beam.PCollection:
        return written | "NoteWritten" >> beam.ParDo(_NoteWritten(self.endpoint))


class Acknowledge(beam.PTransform):
    """Acknowledge messages of which every sink has its part. Input: list[str], message ids."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self.endpoint = endpoint

    def expand(self, finished: beam.PCollection) -> beam.PCollection:
        return finished | "Finish" >> beam.ParDo(_Finish(self.endpoint))


class _OfSource(beam.DoFn):
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    @property
    def source(self) -> LiveSource:
        return _SOURCES[self.endpoint]


class _TakeTurn(_OfSource):
    def process(self, turn: int) -> Iterator[list[RawMessage]]:
        if turn == PROBE:
            self.source.note_idle()
        else:
            yield self.source.collect(turn)


class _NoteWritten(_OfSource):
    def process(self, events: list[Event]) -> None:
        self.source.note_written(events)


class _Finish(_OfSource):
    def process(self, message_ids: list[str]) -> None:
        self.source.flight.finish(message_ids)
