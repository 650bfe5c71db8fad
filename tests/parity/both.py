"""The whole comparison: an hour, two ways, and both ways into one dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from local.stack import Stack
from tests.endtoend.in_process import Ended
from tests.endtoend.plant import Plant
from tests.parity.bucket import Bucket
from tests.parity.comparison import Comparison, compare
from tests.parity.hour import Hour, generate_hour
from tests.parity.runs import run_live, start_backfill, wait_for_archive
from tests.parity.sides import VIEWS, Rows, Subject, compare_sides, read_rows, read_side
from tests.reconcile.command import reconcile

PARTS = {"pubsub", "bigquery", "storage", "archiver"}
BEFORE_AND_AFTER = ("before", "after")


class Parity(NamedTuple):
    """What came of the hour."""

    hour: Hour
    live: dict[str, Rows]
    backfill: dict[str, Rows]
    sides: dict[Subject, Comparison]
    """Live run and backfill, each in a dataset of its own."""
    repeated: dict[Subject, Comparison]
    """The views of the live run's dataset, before and after a backfill into it."""
    too_late: tuple[int, int]
    """Orders too late for any metric, as live run and backfill have counted."""
    reconciled: Ended
    """The archive, against the live run's dataset after the backfill into it."""


def run_both_ways(folder: Path, say: Callable[[str], None]) -> Parity:
    """Publish an hour, read it live, and load it from the archive twice: by itself, and on top."""
    say("starting the laptop stack")
    with Stack(folder / "state", parts=PARTS) as stack:
        bucket, live, files = Bucket(stack), Plant(stack), Plant(stack)
        hour = generate_hour(stack.state.path)
        say(f"an hour of a shop: {hour.messages:,} messages, published and read live")
        live_run = run_live(stack, live, hour)
        input_path = wait_for_archive(stack, bucket, hour.messages)
        say(f"a backfill of what was archived of it: {input_path}")
        files_run = start_backfill(files, input_path)
        of_live, before = read_side(live, bucket), _views(live)
        files_run.must_succeed()
        say("the same backfill into the dataset of the live run")
        again = start_backfill(live, input_path, output_bucket=f"{live.lake}-again", dlq_topic="none")
        of_files = read_side(files, bucket)
        again.must_succeed()
        after = _views(live)
        reconciled = reconcile(live, "--since=2020-01-01", f"--input_path={input_path}", "--json")
        too_late = (_too_late(live_run.stats()), _too_late(files_run.stats()))
    repeated = {
        view: compare(view.what, before[view], after[view], key=view.key, sides=BEFORE_AND_AFTER)
        for view in VIEWS
    }
    return Parity(hour, of_live, of_files, compare_sides(of_live, of_files), repeated, too_late, reconciled)


def _views(plant: Plant) -> dict[Subject, Rows]:
    return {view: read_rows(plant.warehouse, view.what) for view in VIEWS}


def _too_late(stats: Mapping[str, Any]) -> int:
    return int(stats["counters"].get("metrics.orders_too_late", 0))
