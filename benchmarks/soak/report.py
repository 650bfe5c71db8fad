"""What a soak says: a line a minute, a table at the end, everything as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.soak.samples import Sample
from benchmarks.soak.trend import Point, Trend, trend

MEMORY = ("RSS", "PSS")
LIMITS = {
    **dict.fromkeys(MEMORY, 0.1),
    "publish to row p50": 0.25,
    "publish to row p95": 0.25,
    "CPU a message": 0.25,
}
"""Growth in an hour that still counts as flat, as a share of the median."""
DECISIVE = (*MEMORY, "publish to row p50")
"""What must be flat. The p95 and the CPU hang too much on what else the machine does."""
RULE = (
    "Flat: by the Theil-Sen slope, memory grows in an hour by at most a tenth of its median, latency and CPU "
    "by at most a quarter. Memory and p50 decide; p95 and CPU hang on what else the machine does."
)


def minute_line(sample: Sample, last: Sample | None) -> str:
    """A sample in one line, its CPU since the `last` one shown."""
    said, memory = sample.said, sample.pipeline
    parts = [
        "no progress line"
        if said is None
        else f"{said.finished:10,} done, {said.done_per_second:5,}/s, p50 {said.p50_ms:5,} ms, "
        f"p95 {said.p95_ms:5,} ms"
    ]
    if last is not None and (cost_us := _cost_us(last, sample)) is not None:
        parts.append(f"{cost_us:5,.0f} µs CPU a message")
    emulators = sum(sample.emulators_pss.values())
    parts.append(f"RSS {memory.rss:5,.0f} MB, PSS {memory.pss:5,.0f} MB, emulators {emulators:5,.0f} MB")
    return f"{sample.second / 60:5.1f} min  {', '.join(parts)}"


def trends(samples: Sequence[Sample], skipped_seconds: float) -> list[Trend]:
    """Judge memory, latency and CPU of what was sampled after `skipped_seconds`.

    Raises ValueError if that is too little.
    """
    kept = [sample for sample in samples if sample.second > skipped_seconds]
    costs = [(late.second, cost) for early, late in pairwise(kept) if (cost := _cost_us(early, late))]
    series: list[tuple[str, str, list[Point]]] = [
        ("RSS", "MB", _points(kept, lambda each: each.pipeline.rss)),
        ("PSS", "MB", _points(kept, lambda each: each.pipeline.pss)),
        ("publish to row p50", "ms", _points(kept, lambda each: each.said and each.said.p50_ms)),
        ("publish to row p95", "ms", _points(kept, lambda each: each.said and each.said.p95_ms)),
        ("CPU a message", "µs", costs),
    ]
    return [trend(name, unit, points, LIMITS[name]) for name, unit, points in series]


def is_flat(judged: Sequence[Trend]) -> bool:
    """Whether nothing decisive grows."""
    return all(each.is_flat for each in judged if each.name in DECISIVE)


def conclude(
    path: Path, run: dict[str, Any], samples: Sequence[Sample], skipped_seconds: float, complaint: str
) -> tuple[str, bool]:
    """Write everything to `path`, whatever came of the run; returns what to say and whether it is passed.

    `complaint` is what went wrong with the run itself, or empty.
    """
    judged: list[Trend] = []
    complaints = [complaint] if complaint else []
    try:
        judged = trends(samples, skipped_seconds)
    except ValueError as error:
        complaints.append(str(error))
    write_json(path, {**run, "complaints": complaints}, samples, judged)
    said = [f"{table(judged)}\n{RULE}"] if judged else []
    return "\n".join([*said, *complaints]), not complaints and is_flat(judged)


def table(judged: Sequence[Trend]) -> str:
    """The trends as a table of text."""
    head = ("samples", "median", "first third", "last third", "slope an hour", "limit")
    lines = [" " * 20 + "".join(f"{word:>15}" for word in head)]
    for each in judged:
        figures = (each.median, each.first_third, each.last_third, each.slope, each.limit)
        cells = [f"{each.samples:15,}", *(f"{figure:15,.1f}" for figure in figures)]
        lines.append(f"{each.name:20}{''.join(cells)} {each.unit}  {'flat' if each.is_flat else 'grows'}")
    return "\n".join(lines)


def write_json(path: Path, run: dict[str, Any], samples: Sequence[Sample], judged: Sequence[Trend]) -> None:
    """Write every sample and every trend."""
    looks = [
        {**each._asdict(), "pipeline": each.pipeline._asdict(), "said": each.said and each.said._asdict()}
        for each in samples
    ]
    figures = {"run": run, "rule": RULE, "trends": [each.as_dict() for each in judged], "samples": looks}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n")


def _points(samples: Sequence[Sample], figure: Callable[[Sample], float | None]) -> list[Point]:
    return [(each.second, value) for each in samples if (value := figure(each)) is not None]


def _cost_us(early: Sample, late: Sample) -> float | None:
    """CPU of the pipeline for each message that it finished between two samples."""
    if early.said is None or late.said is None or late.said.finished <= early.said.finished:
        return None
    return (late.cpu_seconds - early.cpu_seconds) / (late.said.finished - early.said.finished) * 1e6
