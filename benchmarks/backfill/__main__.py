"""The batch path beside its peers: whole processes on the same files, their results compared.

    python -m benchmarks.backfill [--quick] [--pyspark FOLDER] [--json FILE]
    python -m benchmarks.backfill make --events 1500000 --out FOLDER [--form plain|envelope] [--all_invalid]

Scenarios: small and large run all sides in turns on the first and second of --sizes (of PySpark's two only
the quicker one on the large set); growth runs the pipeline on all three, up and down again; invalid runs it
on files of nothing but invalid events, envelope on an archive in .jsonl.gz, distant with objects that take
0.1 s more to write, warehouse into the BigQuery emulator.
De-duplication is on everywhere. Each side's lake, order metrics and dead letters are compared with what the
generator made and with the plain loop's, and differences are printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path

from benchmarks.backfill import inputs, report
from benchmarks.backfill.answers import Answer, differences, metric_differences, read_answer
from benchmarks.backfill.inputs import InputSet
from benchmarks.backfill.processes import ProgramFailed, adopt_orphans, run_program
from benchmarks.backfill.report import Run
from benchmarks.backfill.sides import (
    LOOP,
    PIPELINE_2,
    SPARK_ARROW,
    SPARK_COLUMNS,
    Side,
    all_sides,
    distant_objects,
    no_pyspark,
)
from benchmarks.backfill.warehouse import WarehouseRun, run_warehouse

SCENARIOS = ("small", "large", "growth", "invalid", "envelope", "distant", "warehouse")
QUICK_SIZES = (20_000, 100_000, 300_000)
BYTES_AN_EVENT = 900
"""Of disk: the lines, and one side's output at a time."""


class Backfills:
    """Runs sides on sets and keeps the figures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: list[Run] = []
        self._references: dict[str, Answer] = {}

    def inputs(self, events: int, form: str = "plain", *, all_invalid: bool = False) -> tuple[str, InputSet]:
        """(name, set), made if it is not there."""
        kind = "all invalid" if all_invalid else form
        name = f"{kind} {events:,}"
        folder = self.folder / "inputs" / name.replace(" ", "-").replace(",", "")
        found = inputs.find(folder)
        if found is None:
            print(f"  making {name} events", flush=True)
            found = inputs.make(folder, events, form, all_invalid=all_invalid)
        return name, found

    def run(self, side: Side, name: str, given: InputSet) -> Run:
        """Run one side once, compare what it wrote, and remove it."""
        output = self.folder / "output"
        shutil.rmtree(output, ignore_errors=True)
        log = self.folder / "program.log"
        took = run_program(side.command(given.pattern, output), log, side.environment)
        answer = read_answer(output)
        found = differences(answer, given.expected)
        if side.name == LOOP:
            self._references[name] = answer
        elif name in self._references:
            found += metric_differences(answer, self._references[name])
        shutil.rmtree(output)
        run = Run(name, side.name, given.expected.events, took, found)
        self.runs.append(run)
        print(report.one_line(run), flush=True)
        return run


def main() -> None:
    """Check the flags, then measure and print."""
    flags = _flags()
    if flags.command == "make":
        made = inputs.make(flags.out, flags.events, flags.form, all_invalid=flags.all_invalid)
        print(f"{made.pattern}: {made.expected}")
        return
    _check(flags)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else what runs would go on without us
    adopt_orphans()
    print(f"{os.cpu_count()} cores, load average before: {os.getloadavg()[0]:.1f}", flush=True)
    flags.work_dir.mkdir(parents=True, exist_ok=True)
    backfills, warehouse, problem = Backfills(flags.work_dir), list[WarehouseRun](), None
    try:
        _measure(flags, backfills, warehouse)
    except ProgramFailed as failure:
        problem = f"error: {failure}"  # what was measured before is shown all the same
    finally:
        if not flags.keep:
            for name in ("inputs", "output", "warehouse", "program.log"):
                left = flags.work_dir / name
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    _show(backfills.runs, warehouse, flags.sizes[1])
    if flags.json:
        report.write_json(flags.json, backfills.runs, warehouse)
    sys.exit(problem)


def _measure(flags: argparse.Namespace, backfills: Backfills, warehouse: list[WarehouseRun]) -> None:
    """Run the scenarios; raises ProgramFailed."""
    missing = no_pyspark(flags.pyspark)
    if missing:
        print(missing)
    sides = all_sides(None if missing else flags.pyspark)
    ours = next(side for side in sides if side.name == PIPELINE_2)
    small, large, largest = flags.sizes
    if "small" in flags.only:
        _compare(backfills, sides, small, flags.repetitions)
    if "large" in flags.only:
        slower = {SPARK_ARROW, SPARK_COLUMNS} - {report.quicker_spark(backfills.runs)}
        _compare(
            backfills, [side for side in sides if side.name not in slower], large, flags.large_repetitions
        )
    if "growth" in flags.only:
        # Up and down again: what the machine gains or loses meanwhile evens out.
        up = [small, large] * flags.large_repetitions
        for events in (*up, largest, *reversed(up)):
            backfills.run(ours, *backfills.inputs(events))
    if "invalid" in flags.only:
        _in_turns(backfills, ours, large, flags.large_repetitions)
    if "envelope" in flags.only:
        backfills.run(ours, *backfills.inputs(large, "envelope"))
    if "distant" in flags.only:
        _compare(backfills, [distant_objects(), ours], large, flags.large_repetitions)
    if "warehouse" in flags.only:
        _, given = backfills.inputs(flags.warehouse_events)
        for workers in (1, 2):
            warehouse.append(run_warehouse(given, flags.work_dir / "warehouse", workers))
            shutil.rmtree(flags.work_dir / "warehouse")


def _compare(backfills: Backfills, sides: list[Side], events: int, repetitions: int) -> None:
    name, given = backfills.inputs(events)
    for _ in range(repetitions):
        for side in sides:
            backfills.run(side, name, given)


def _in_turns(backfills: Backfills, ours: Side, events: int, repetitions: int) -> None:
    invalid, mixed = backfills.inputs(events, all_invalid=True), backfills.inputs(events)
    for _ in range(repetitions):
        backfills.run(ours, *invalid)
        backfills.run(ours, "mixed, beside all invalid", mixed[1])


def _show(runs: list[Run], warehouse: list[WarehouseRun], large: int) -> None:
    report.show(runs)
    report.show_growth(runs, PIPELINE_2)
    invalid = [run for run in runs if run.set_name.startswith("all invalid")]
    if invalid:
        mixed = [run for run in runs if run.set_name == "mixed, beside all invalid"]
        print(f"\n{large:,} events, nothing but invalid ones")
        report.show_share("rate / rate of the mix", invalid, mixed, 0.45)
    for each in warehouse:
        print(
            f"\nBigQuery emulator, {each.workers} worker{'s' * (each.workers > 1)}: {each.rows:,} rows in "
            f"{each.took.seconds:.1f} s, {each.rows_per_second:,.0f} rows/s\n"
            f"  CPU: pipeline {each.took.cpu_seconds:.1f} s ({each.share:.0%}), "
            f"emulator {each.emulator_cpu_seconds:.1f} s ({1 - each.share:.0%})"
        )


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.backfill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=None)
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=SCENARIOS, help="scenarios to run")
    parser.add_argument(
        "--sizes",
        type=int,
        nargs=3,
        default=[300_000, 1_500_000, 7_500_000],
        metavar="EVENTS",
        help="default: 300000 1500000 7500000",
    )
    parser.add_argument("--repetitions", type=int, default=3, help="on the small set (default: %(default)s)")
    parser.add_argument("--large_repetitions", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--warehouse_events", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="small sizes, once each: under three minutes")
    parser.add_argument("--pyspark", type=Path, metavar="FOLDER", help="folder with PySpark in it")
    parser.add_argument(
        "--work_dir", type=Path, default=Path("benchmarks-output"), help="default: %(default)s"
    )
    parser.add_argument("--keep", action="store_true", help="leave the input files for the next run")
    parser.add_argument("--json", type=Path, help="file for every single figure")
    commands = parser.add_subparsers(metavar="make")
    make = commands.add_parser("make", help="write input files and end")
    make.set_defaults(command="make")
    make.add_argument("--events", type=int, required=True)
    make.add_argument("--out", type=Path, required=True, help="folder")
    make.add_argument("--form", choices=inputs.FORMS, default="plain", help="default: %(default)s")
    make.add_argument("--all_invalid", action="store_true")
    flags = parser.parse_args()
    if flags.quick:
        flags.sizes, flags.warehouse_events = list(QUICK_SIZES), QUICK_SIZES[0]
        flags.repetitions = flags.large_repetitions = 1
    return flags


def _check(flags: argparse.Namespace) -> None:
    """End with one sentence and code 2 if this cannot be measured here."""
    needed = 2 * max(flags.sizes) * BYTES_AN_EVENT
    free = inputs.free_bytes(flags.work_dir.resolve())
    wrong = None
    if not sys.platform.startswith("linux"):
        wrong = "processes are measured through /proc, which only Linux has."
    elif free < needed:
        gigabytes = f"{free / 1e9:.0f} GB left and needs {needed / 1e9:.0f}"
        wrong = f"--work_dir={flags.work_dir} has {gigabytes}: choose another."
    elif min(flags.repetitions, flags.large_repetitions, flags.warehouse_events, *flags.sizes) < 1:
        wrong = "sizes and repetitions must be 1 or more."
    elif sorted(set(flags.sizes)) != flags.sizes:
        wrong = "--sizes must grow: give the smallest first."
    if wrong is not None:
        print(f"error: {wrong}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
