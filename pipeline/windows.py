"""Every window and trigger of the graph.

A sum over a window is taken in two steps. Deltas: what has come since the last pane, on a timer of
processing time and when the watermark passes; each element is added once. Revisions: the deltas added
up, a pane for each; read as revisions (window and pane index), never summed.
docs/adr/0005-panes-are-revisions.md says why.
"""

from __future__ import annotations

import apache_beam as beam
from apache_beam.transforms.trigger import (
    AccumulationMode,
    AfterCount,
    AfterProcessingTime,
    AfterWatermark,
)
from apache_beam.transforms.window import FixedWindows
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp
from apache_beam.utils.windowed_value import PaneInfoTiming

PANE_TIMINGS = {
    PaneInfoTiming.EARLY: "early",
    PaneInfoTiming.ON_TIME: "on_time",
    PaneInfoTiming.LATE: "late",
    PaneInfoTiming.UNKNOWN: "on_time",  # a run over files knows one pane, and nothing comes after it
}


def into_deltas(
    window_seconds: int, pane_seconds: int | None, lateness_seconds: int, *, early: bool = True
) -> beam.WindowInto:
    """Tumbling windows that give out what is new every `pane_seconds` and when the watermark passes.

    None: once, when all there is has been read; a run over files has no clock to go by. Not `early`: nothing
    before the watermark passes.
    """
    if pane_seconds is None:
        return beam.WindowInto(FixedWindows(window_seconds))
    return beam.WindowInto(
        FixedWindows(window_seconds),
        trigger=AfterWatermark(
            early=AfterProcessingTime(pane_seconds) if early else None,
            late=AfterProcessingTime(pane_seconds),
        ),
        accumulation_mode=AccumulationMode.DISCARDING,
        allowed_lateness=lateness_seconds,
    )


def into_revisions(window_seconds: int, lateness_seconds: int) -> beam.WindowInto:
    """Tumbling windows that give out the whole again with each delta.

    A delta of the last moment must not be late here, so windows stay open for one window longer.
    """
    return beam.WindowInto(
        FixedWindows(window_seconds),
        trigger=AfterWatermark(early=AfterCount(1), late=AfterCount(1)),
        accumulation_mode=AccumulationMode.ACCUMULATING,
        allowed_lateness=lateness_seconds + window_seconds,
    )


def beam_timestamp(timestamp_us: int) -> Timestamp:
    """Beam's timestamp of µs since the epoch, within what Beam can hold."""
    lowest, highest = MIN_TIMESTAMP.micros, MAX_TIMESTAMP.micros - 1_000_000
    return Timestamp(micros=max(lowest, min(highest, timestamp_us)))


def window_start_us(timestamp_us: int, window_seconds: int) -> int:
    """Start of the tumbling window that holds `timestamp_us`."""
    return timestamp_us - timestamp_us % (window_seconds * 1_000_000)
