"""Adding up partial sums per window, in deltas and revisions.

A run over files has one pane and nothing to wait for: there the window is part of the key, and sums are
packed. With windows of Beam's the runner's time per window grows with their number, so that a backfill of
months would never end; and all its windows are open at once, so that they would not fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple, Protocol, Self

import apache_beam as beam
from apache_beam.transforms.window import IntervalWindow, TimestampedValue
from apache_beam.utils.windowed_value import PaneInfo

from pipeline.packing import pack, unpack
from pipeline.windows import PANE_TIMINGS, beam_timestamp, into_deltas, into_revisions, window_start_us

MOST_PACKED = 8
"""Sums of one window and group that wait, packed, to be added up: files are in order, and few chunks meet in
a window."""


class Sum(Protocol):
    """Something that adds up in any order."""

    def add(self, other: Self) -> None:
        """Take in `other`, which stays as it is."""


class WindowPartials(NamedTuple):
    """What one chunk adds to one window."""

    window_start_us: int
    group: str
    """The key: all parts of a group come in one pane, so that the rows of a pane agree."""
    parts: dict[str, Any]  # part -> Sum


class Revision(NamedTuple):
    """The state of one group of a window, as of one pane."""

    window_start_us: int
    window_end_us: int
    group: str
    parts: dict[str, Any]  # part -> Sum
    pane_index: int
    pane_timing: str


class AddUpDeltas(beam.PTransform):
    """Add up partial sums per window and group, giving out what is new.

    Input: WindowPartials.
    Output: (group, {part: Sum}), windowed; `pane_seconds` in s of processing time. Not `early`: nothing
    before the watermark passes. Without `pane_seconds`: ((group, window start in µs), packed {part: Sum}).
    """

    def __init__(
        self,
        window_seconds: int,
        pane_seconds: int | None,
        lateness_seconds: int,
        *,
        early: bool = True,
    ) -> None:
        super().__init__()
        self.early = early
        self.window_seconds = window_seconds
        self.pane_seconds = pane_seconds
        self.lateness_seconds = lateness_seconds

    def expand(self, partials: beam.PCollection) -> beam.PCollection:
        if self.pane_seconds is None:
            keyed = beam.ParDo(_KeyByWindow()).with_output_types(tuple[tuple[str, int], bytes])
            return partials | "KeyByWindow" >> keyed | "AddUp" >> beam.CombinePerKey(AddUpPacked())
        return (
            partials
            | "StampWithWindow"
            >> beam.ParDo(_StampWithWindow()).with_output_types(tuple[str, dict[str, Any]])
            | "IntoDeltas"
            >> into_deltas(self.window_seconds, self.pane_seconds, self.lateness_seconds, early=self.early)
            | "AddUp" >> beam.CombinePerKey(AddUpParts())
            | "DropEmpty" >> beam.ParDo(_DropEmpty()).with_output_types(tuple[str, dict[str, Any]])
        )


class Revise(beam.PTransform):
    """Add up deltas per window and group, giving out the whole again each time, or once if not `in_panes`.

    Input: what AddUpDeltas gives, from windows of `delta_seconds`. Output: Revision.
    """

    def __init__(
        self, window_seconds: int, delta_seconds: int, lateness_seconds: int, in_panes: bool = True
    ) -> None:
        super().__init__()
        self.in_panes = in_panes
        self.window_seconds = window_seconds
        self.delta_seconds = delta_seconds
        self.lateness_seconds = lateness_seconds

    def expand(self, deltas: beam.PCollection) -> beam.PCollection:
        if not self.in_panes:
            if self.window_seconds != self.delta_seconds:  # else the only delta of a window is the whole
                widened = beam.ParDo(_WidenWindow(self.window_seconds))
                widened = widened.with_output_types(tuple[tuple[str, int], bytes])
                deltas = deltas | "WidenWindow" >> widened | "AddUp" >> beam.CombinePerKey(AddUpPacked())
            return deltas | "NameWhole" >> beam.ParDo(_NameWhole(self.window_seconds))
        return (
            deltas
            | "IntoRevisions" >> into_revisions(self.window_seconds, self.lateness_seconds)
            | "AddUp" >> beam.CombinePerKey(AddUpParts())
            | "NameRevision" >> beam.ParDo(_NameRevision())
        )


class NameDeltas(beam.PTransform):
    """Give out each delta by itself.

    Input: what AddUpDeltas gives, with panes. Output: Revision, each of which adds to the ones before.
    """

    def expand(self, deltas: beam.PCollection) -> beam.PCollection:
        return deltas | "NameRevision" >> beam.ParDo(_NameRevision())


class AddUpParts(beam.CombineFn):
    """Adds up {part: Sum}, part by part."""

    def create_accumulator(self) -> dict[str, Any]:
        return {}

    def add_input(self, accumulator: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
        for part, value in parts.items():
            total = accumulator.get(part)
            if total is None:
                total = accumulator[part] = type(value)()
            total.add(value)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[dict[str, Any]]) -> dict[str, Any]:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            self.add_input(merged, accumulator)
        return merged

    def extract_output(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        return accumulator


class AddUpPacked(beam.CombineFn):
    """Adds up packed {part: Sum}. They stay packed, as long as there are few."""

    def create_accumulator(self) -> list[bytes]:
        return []

    def add_input(self, accumulator: list[bytes], packed: bytes) -> list[bytes]:
        accumulator.append(packed)
        return accumulator if len(accumulator) <= MOST_PACKED else [self.extract_output(accumulator)]

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        merged = self.create_accumulator()
        for packed in chain.from_iterable(accumulators):
            merged = self.add_input(merged, packed)
        return merged

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        if len(accumulator) == 1:
            return accumulator[0]
        return pack(AddUpParts().merge_accumulators(map(unpack, accumulator)))


class _StampWithWindow(beam.DoFn):
    def process(self, partials: WindowPartials) -> Iterator[TimestampedValue]:
        yield TimestampedValue((partials.group, partials.parts), beam_timestamp(partials.window_start_us))


class _KeyByWindow(beam.DoFn):
    def process(self, partials: WindowPartials) -> Iterator[tuple[tuple[str, int], bytes]]:
        yield (partials.group, partials.window_start_us), pack(partials.parts)


class _WidenWindow(beam.DoFn):
    def __init__(self, window_seconds: int) -> None:
        self.window_seconds = window_seconds

    def process(self, element: tuple[tuple[str, int], bytes]) -> Iterator[tuple[tuple[str, int], bytes]]:
        (group, start_us), packed = element
        yield (group, window_start_us(start_us, self.window_seconds)), packed


class _NameWhole(beam.DoFn):
    def __init__(self, window_seconds: int) -> None:
        self.window_us = window_seconds * 1_000_000

    def process(self, element: tuple[tuple[str, int], bytes]) -> Iterator[Revision]:
        (group, start_us), packed = element
        yield Revision(start_us, start_us + self.window_us, group, unpack(packed), 0, "on_time")


class _DropEmpty(beam.DoFn):
    """A trigger also fires where nothing has come since the last time."""

    def process(self, delta: tuple[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        if delta[1]:
            yield delta


class _NameRevision(beam.DoFn):
    def process(
        self,
        element: tuple[str, dict[str, Any]],
        window: IntervalWindow = beam.DoFn.WindowParam,
        pane: PaneInfo = beam.DoFn.PaneInfoParam,
    ) -> Iterator[Revision]:
        group, parts = element
        if parts:
            yield Revision(
                window.start.micros,
                window.end.micros,
                group,
                parts,
                max(0, pane.index),
                PANE_TIMINGS[pane.timing],
            )
