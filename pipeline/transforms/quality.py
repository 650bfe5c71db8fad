"""The ledger: what became of every message, per publish-time window and event type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam

from pipeline.bigquery_rows import Row
from pipeline.chunks import Chunk
from pipeline.clock import now_us
from pipeline.elements import DeadLetter, Event, RawMessage
from pipeline.histogram import Histogram
from pipeline.rows import Run, revision_columns, revision_key, row_of
from pipeline.transforms.windowed_sums import AddUpDeltas, Revise, Revision, WindowPartials
from pipeline.windows import window_start_us

UNKNOWN = "unknown"
"""The event type of a message that does not say a known one."""
_GROUP = "ledger"


class Counts:
    """What became of some messages; adds up in any order."""

    __slots__ = ("accepted", "duplicates", "late", "latency_ms", "payload_bytes", "rejected")

    def __init__(
        self,
        accepted: int = 0,
        duplicates: int = 0,
        rejected: int = 0,
        late: int = 0,
        payload_bytes: Histogram | None = None,
        latency_ms: Histogram | None = None,
    ) -> None:
        self.accepted = accepted
        self.duplicates = duplicates
        self.rejected = rejected
        self.late = late
        self.payload_bytes = payload_bytes or Histogram()
        self.latency_ms = latency_ms or Histogram()

    @property
    def received(self) -> int:
        """The other side of the equation."""
        return self.accepted + self.duplicates + self.rejected

    @property
    def validity_rate(self) -> float | None:
        """1 - rejected / received, or None if nothing was received."""
        return 1 - self.rejected / self.received if self.received else None

    def add(self, other: Counts) -> None:
        """Take in another one's counts."""
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        self.rejected += other.rejected
        self.late += other.late
        self.payload_bytes.add_all(other.payload_bytes)
        self.latency_ms.add_all(other.latency_ms)

    def measure(self, messages: Sequence[RawMessage], processed_at_us: Sequence[int]) -> None:
        """Take note of the sizes and delays of messages; when each was processed is in µs."""
        self.payload_bytes.add_times(Counter([len(message.payload) for message in messages]))
        delays_ms = [
            (at_us - message.publish_time_us) / 1_000
            for message, at_us in zip(messages, processed_at_us, strict=True)
            if message.publish_time_us is not None
        ]
        self.latency_ms.add_times(Counter(delays_ms))

    def __reduce__(self) -> tuple[type[Counts], tuple[Any, ...]]:
        return Counts, (
            self.accepted,
            self.duplicates,
            self.rejected,
            self.late,
            self.payload_bytes,
            self.latency_ms,
        )


class LedgerSettings(NamedTuple):
    """Windows and panes of the ledger, in seconds."""

    window_seconds: int = 300
    pane_seconds: int | None = 60
    """None: one pane, when everything has been read."""
    lateness_seconds: int = 604_800
    """As long as Pub/Sub keeps a message: none is too late to be counted."""


class Outcomes(NamedTuple):
    """What became of the messages."""

    accepted: beam.PCollection  # list[Event]
    duplicates: beam.PCollection  # list[Event]
    rejected: dict[str, beam.PCollection]  # list[DeadLetter], by where they were refused


class MeasureQuality(beam.PTransform):
    """Keep the ledger: received = accepted + duplicates + rejected, per window and event type.

    Input: Outcomes, each after its sink has written it.
    Output: Revision of {event_type: Counts}, one group per window.
    Units: payload in bytes, latency from publish to processed in ms.
    """

    def __init__(self, settings: LedgerSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, outcomes: Outcomes) -> beam.PCollection:
        settings = self.settings
        seconds, lateness_seconds = settings.window_seconds, settings.lateness_seconds
        counted = [
            outcomes.accepted | "CountAccepted" >> beam.ParDo(_Count(seconds, count_accepted)),
            outcomes.duplicates | "CountDuplicates" >> beam.ParDo(_Count(seconds, count_duplicates)),
        ]
        for stage, letters in outcomes.rejected.items():
            counted.append(letters | f"CountRejected{stage}" >> beam.ParDo(_Count(seconds, count_rejected)))
        return (
            counted
            | "AllOutcomes" >> beam.Flatten()
            | "AddUpDeltas" >> AddUpDeltas(seconds, settings.pane_seconds, lateness_seconds)
            | "Revise" >> Revise(seconds, seconds, lateness_seconds, settings.pane_seconds is not None)
        )


Windows = dict[int, dict[str, Counts]]


def count_accepted(events: Iterable[Event], window_seconds: int) -> Windows:
    """Counts of events that are in their table, by window start (µs) and event type."""
    windows: Windows = {}
    for counts, group in _grouped(windows, events, window_seconds):
        counts.accepted += len(group)
        counts.late += sum([event.is_late for event in group])
    return windows


def count_duplicates(events: Iterable[Event], window_seconds: int) -> Windows:
    """Counts of events that were seen before, by window start (µs) and event type."""
    windows: Windows = {}
    for counts, group in _grouped(windows, events, window_seconds):
        counts.duplicates += len(group)
    return windows


def _grouped(
    windows: Windows, events: Iterable[Event], window_seconds: int
) -> Iterator[tuple[Counts, list[Event]]]:
    """(counts, in which the events are measured; the events) by window and event type."""
    window_us = window_seconds * 1_000_000
    groups: dict[tuple[int, str], list[Event]] = {}
    for event in events:
        key = (event.publish_time_us // window_us, event.event_type)
        group = groups.get(key)
        if group is None:
            group = groups[key] = []
        group.append(event)
    for (window, event_type), group in groups.items():
        counts = windows.setdefault(window * window_us, {}).setdefault(event_type, Counts())
        counts.measure([event.message for event in group], [event.processed_at_us for event in group])
        yield counts, group


def count_rejected(dead_letters: Iterable[DeadLetter], window_seconds: int) -> Windows:
    """Counts of dead letters, by window start (µs) and event type.

    One without a publish time counts at its `counts_at_us`, or in the window in which it failed.
    """
    windows: Windows = {}
    groups: dict[tuple[int, str], list[DeadLetter]] = {}
    for letter in dead_letters:
        known_us = letter.message.publish_time_us
        if known_us is None:
            known_us = letter.failed_at_us if letter.counts_at_us is None else letter.counts_at_us
        key = (window_start_us(known_us, window_seconds), letter.event_type or UNKNOWN)
        groups.setdefault(key, []).append(letter)
    for (start_us, event_type), group in groups.items():
        counts = windows.setdefault(start_us, {}).setdefault(event_type, Counts())
        counts.rejected += len(group)
        counts.measure([letter.message for letter in group], [letter.failed_at_us for letter in group])
    return windows


def ledger_rows(revision: Revision, run: Run, emitted_at_us: int) -> list[Row]:
    """The rows of data_quality_metrics for a revision, one per event type."""
    rows = []
    for event_type, counts in revision.parts.items():
        columns = {
            **revision_columns(revision, run, emitted_at_us),
            "event_type": event_type,
            "received": counts.received,
            "accepted": counts.accepted,
            "duplicates": counts.duplicates,
            "rejected": counts.rejected,
            "validity_rate": counts.validity_rate,
            "late": counts.late,
        }
        for name, histogram in (("payload_bytes", counts.payload_bytes), ("latency_ms", counts.latency_ms)):
            for percent in (50, 95, 99):
                columns[f"{name}_p{percent}"] = histogram.percentile(percent / 100)
        rows.append(row_of(columns, key=(*revision_key(revision, run), event_type)))
    return rows


class ToLedgerRows(beam.PTransform):
    """Write revisions as rows. Input: Revision of {event_type: Counts}. Output: list[Row]."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def expand(self, revisions: beam.PCollection) -> beam.PCollection:
        return revisions | "MakeRows" >> beam.ParDo(_MakeRows(self.run)).with_output_types(Chunk)


class _Count(beam.DoFn):
    def __init__(self, window_seconds: int, count: Any) -> None:
        self.window_seconds = window_seconds
        self.count = count

    def process(self, elements: list[Any]) -> Iterator[WindowPartials]:
        for start_us, parts in self.count(elements, self.window_seconds).items():
            yield WindowPartials(start_us, _GROUP, parts)


class _MakeRows(beam.DoFn):
    def __init__(self, run: Run) -> None:
        self.run = run

    def process(self, revision: Revision) -> Iterator[list[Row]]:
        yield ledger_rows(revision, self.run, now_us())
