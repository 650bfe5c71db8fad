"""One look at a running pipeline: the memory of each process, and what it last said of itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

KIB_IN_MB = 1_024 / 1e6
_FIELD = re.compile(r"^(Rss|Pss|Private_Dirty): +(\d+) kB", re.MULTILINE)
_PROGRESS = re.compile(
    r"^ *(?P<second>\d+) s  (?P<read>[\d,]+) messages read, (?P<rows>[\d,]+) rows written, "
    r"(?P<in_flight>[\d,]+) in flight, publish to row p50 (?P<p50_ms>[\d,]+) ms, p95 (?P<p95_ms>[\d,]+) ms, "
    r"(?P<done_per_second>[\d,]+) done/s$",
    re.MULTILINE,
)


class Memory(NamedTuple):
    """Memory of one process in MB (10^6 bytes)."""

    rss: float
    pss: float
    """Pages shared with others count in part."""
    private_dirty: float
    """Pages of its own that it has written."""


class Said(NamedTuple):
    """A line of the pipeline's progress; latencies are those since the line before."""

    second: int
    read: int
    rows: int
    in_flight: int
    p50_ms: int
    p95_ms: int
    done_per_second: int

    @property
    def finished(self) -> int:
        """Messages that every sink has its part of."""
        return self.read - self.in_flight


class Sample(NamedTuple):
    """One look."""

    second: float
    """Since the generator was started."""
    pipeline: Memory
    emulators_pss: dict[str, float]
    """Part of the stack -> MB."""
    cpu_seconds: float
    """Of the pipeline since it started."""
    said: Said | None
    """What the pipeline has said since the last look."""


def memory_of(pid: int | str | None) -> Memory:
    """What the kernel says of a running process."""
    rollup = dict(_FIELD.findall(Path(f"/proc/{pid}/smaps_rollup").read_text()))
    return Memory(*(round(int(rollup[name]) * KIB_IN_MB, 2) for name in ("Rss", "Pss", "Private_Dirty")))


def last_said(log: str) -> Said | None:
    """The last progress line in what the pipeline has logged."""
    lines = [*_PROGRESS.finditer(log)]
    return Said(*(int(text.replace(",", "")) for text in lines[-1].groups())) if lines else None
