"""Figures as a table on paper, and all of them as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.backfill.processes import Took
from benchmarks.backfill.sides import DUCKDB, LOOP, PIPELINE_1, PIPELINE_2, SPARK_ARROW, SPARK_COLUMNS


class Run(NamedTuple):
    """One run of one side on one set."""

    set_name: str
    side: str
    events: int
    took: Took
    differences: list[str]

    @property
    def rate(self) -> float:
        """Events per second of the whole process."""
        return self.events / self.took.seconds


class Ratio(NamedTuple):
    """What is asked of two sides on one set."""

    text: str
    one: str
    other: str
    target: float | None


RATIOS = (
    Ratio("pipeline, 2 workers / PySpark, the quicker", PIPELINE_2, "spark", 4.0),
    Ratio("pipeline, 1 worker / plain loop", PIPELINE_1, LOOP, 0.7),
    Ratio("pipeline, 2 workers / 1 worker", PIPELINE_2, PIPELINE_1, 1.7),
    Ratio("pipeline, 2 workers / DuckDB", PIPELINE_2, DUCKDB, None),
)
MOST_GROWTH = 1.1
MOST_BYTES = 1_000_000_000
_COLUMNS = (
    f"{'':31}{'events/s':>10}{'seconds':>9}{'CPU s':>8}{'µs CPU':>8}"
    f"{'RSS MB':>9}{'PSS MB':>9}{'largest':>9}{'runs':>6}"
)


def one_line(run: Run) -> str:
    """A run as it is told at once."""
    took = run.took
    told = f"  {run.set_name:26} {run.side:30} {took.seconds:7.1f} s  {took.cpu_seconds:7.1f} s CPU"
    told += f"  {took.peak_bytes / 1e6:7,.0f} MB"
    return "\n".join([told, *(f"      {difference}" for difference in run.differences)])


def show(runs: list[Run]) -> None:
    """Print a table for each set with its ratios."""
    if not runs:
        return
    for name in dict.fromkeys(run.set_name for run in runs):
        of_set = [run for run in runs if run.set_name == name]
        print(f"\n{name}: medians\n{_COLUMNS}")
        for side in dict.fromkeys(run.side for run in of_set):
            repeated = [run for run in of_set if run.side == side]
            seconds = _median(repeated, lambda run: run.took.seconds)
            cpu = _median(repeated, lambda run: run.took.cpu_seconds)
            peak, proportional, largest = (
                max(getattr(run.took, kind) for run in repeated) / 1e6
                for kind in ("peak_bytes", "peak_proportional_bytes", "largest_process_bytes")
            )
            events = repeated[0].events
            print(
                f"{side:31}{events / seconds:>10,.0f}{seconds:>9.2f}{cpu:>8.1f}{cpu / events * 1e6:>8.1f}"
                f"{peak:>9,.0f}{proportional:>9,.0f}{largest:>9,.0f}{len(repeated):>6}"
            )
        for ratio in RATIOS:
            _show_ratio(ratio, of_set)
    print(
        "\nRSS: peak of the resident memory of all processes together, shared memory counted in each; "
        "PSS: counted once; largest: RSS of one process"
    )


def _show_ratio(ratio: Ratio, runs: list[Run]) -> None:
    one, other = (
        _seconds(runs, ratio.one),
        _seconds(runs, quicker_spark(runs) if ratio.other == "spark" else ratio.other),
    )
    if one and other:
        # Repetitions alternate between the sides, so that the n-th of both met the same machine.
        median = statistics.median(b / a for a, b in zip(one, other, strict=False))
        print(f"  {ratio.text:45} {median:5.2f}{_verdict(median, ratio.target)}")
    if ratio.other == LOOP and one and other:
        imports = [_import_seconds(run) for run in runs if run.side == LOOP]
        median = statistics.median((b - begun) / a for a, b, begun in zip(one, other, imports, strict=False))
        print(f"  {'  the same, the loop without its imports':45} {median:5.2f}")


def quicker_spark(runs: list[Run]) -> str:
    """The Spark side with the smaller median, of those that ran."""
    medians = {
        side: statistics.median(_seconds(runs, side))
        for side in (SPARK_ARROW, SPARK_COLUMNS)
        if _seconds(runs, side)
    }
    return min(medians, key=medians.__getitem__) if medians else SPARK_COLUMNS


def show_growth(runs: list[Run], side: str) -> None:
    """Print what an event costs at each size, what each further one costs, and the peak of memory."""
    by_size: dict[int, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.events):
        if run.side == side and run.set_name == f"plain {run.events:,}":
            by_size.setdefault(run.events, []).append(run)
    if len(by_size) < 2:
        return
    print(
        f"\n{side}, µs an event\n{'':31}{'wall':>8}{'CPU':>8}   each further:"
        f"{'wall':>8}{'CPU':>8}{'RSS MB':>9}{'PSS MB':>9}"
    )
    before, further_us, peak = (0, 0.0, 0.0), list[float](), 0
    for events, repeated in by_size.items():
        seconds = _median(repeated, lambda run: run.took.seconds)
        cpu = _median(repeated, lambda run: run.took.cpu_seconds)
        line = f"{events:>24,} events{seconds / events * 1e6:>8.1f}{cpu / events * 1e6:>8.1f}{'':16}"
        if before[0]:
            wall_us, cpu_us = (
                (now - then) / (events - before[0]) * 1e6
                for now, then in ((seconds, before[1]), (cpu, before[2]))
            )
            further_us.append(wall_us)
            line += f"{wall_us:>8.1f}{cpu_us:>8.1f}"
        else:
            line += f"{'':16}"
        resident, proportional = (
            max(getattr(run.took, kind) for run in repeated)
            for kind in ("peak_bytes", "peak_proportional_bytes")
        )
        print(f"{line}{resident / 1e6:>9,.0f}{proportional / 1e6:>9,.0f}")
        peak = max(peak, proportional)
        before = (events, seconds, cpu)
    if len(further_us) > 1:
        change = further_us[-1] / further_us[0]
        missed = "" if change <= MOST_GROWTH else ", MISSED"
        print(f"  each further event, last / first: {change:.2f}   (wanted: {MOST_GROWTH} or less{missed})")
    missed = "" if peak < MOST_BYTES else ", MISSED"
    print(f"  peak memory, PSS: {peak / 1e6:,.0f} MB   (wanted: below {MOST_BYTES / 1e6:,.0f}{missed})")


def show_share(text: str, one: Iterable[Run], other: Iterable[Run], target: float) -> None:
    """Print the ratio of two rates, run by run."""
    median = statistics.median(a.rate / b.rate for a, b in zip(one, other, strict=False))
    print(f"  {text:45} {median:5.2f}{_verdict(median, target)}")


def write_json(path: Path, runs: list[Run], warehouse: list[Any]) -> None:
    """Write every single figure; what programs printed is left out."""
    told = [run._asdict() | {"rate": run.rate, "took": _figures(run.took)} for run in runs]
    of_warehouse = [
        each._asdict()
        | {"took": _figures(each.took), "rows_per_second": each.rows_per_second, "share": each.share}
        for each in warehouse
    ]
    path.write_text(json.dumps({"runs": told, "warehouse": of_warehouse}, indent=2) + "\n")


def _figures(took: Took) -> dict[str, float]:
    return {name: value for name, value in took._asdict().items() if name != "output"}


def _verdict(value: float, target: float | None) -> str:
    if target is None:
        return ""
    return f"   (wanted: {target:g} or more{'' if value >= target else ', MISSED'})"


def _median(runs: list[Run], of: Callable[[Run], float]) -> float:
    return statistics.median(of(run) for run in runs)


def _seconds(runs: list[Run], side: str) -> list[float]:
    return [run.took.seconds for run in runs if run.side == side]


def _import_seconds(run: Run) -> float:
    return float(run.took.output.rpartition("import_seconds=")[2])
