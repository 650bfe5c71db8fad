"""Backfills one after the other over one dataset, each a process: what is loaded, recorded and counted."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.stack import Stack
from pipeline.contract import load_contract
from pipeline.projections import create_table_ddl
from tests.endtoend.warehouse import Warehouse
from tests.loads.backfills import (
    CLOCK,
    LATEST,
    REPOSITORY,
    command,
    lake_rows,
    order,
    refused,
    rows_of_views,
    run,
    sentences,
    write_lines,
)

pytestmark = pytest.mark.slow
Environment = dict[str, str]


@pytest.fixture(scope="module")
def warehouse_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("loads") / "state", parts={"bigquery", "storage"}) as running:
        yield running


class Target:
    """A dataset and a lake of its own, and backfills into them."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        project = stack.environment["GOOGLE_CLOUD_PROJECT"]
        name = f"t{uuid.uuid4().hex[:10]}"
        self.environment = stack.environment
        self.dataset = f"{project}:{name}"
        self.lake = folder / name
        self.warehouse = Warehouse(stack.service("bigquery").address, project, name)
        self.warehouse.create()

    def command(self, input_path: Path | str, *flags: str) -> list[str]:
        return command(input_path, str(self.lake), self.dataset, *flags)

    def backfill(self, input_path: Path | str, *flags: str) -> subprocess.CompletedProcess[str]:
        return run(self.command(input_path, *flags), self.environment)

    def load(self, input_path: Path | str, *flags: str) -> list[str]:
        """Backfill with success; returns what was said."""
        finished = self.backfill(input_path, *flags)
        assert finished.returncode == 0, finished.stderr
        return sentences(finished)

    def loads(self) -> list[dict[str, object]]:
        return self.warehouse.ask(
            "SELECT file_path, run_id, `rows`, accepted, duplicates, rejected FROM _load_metadata "
            "ORDER BY loaded_at, file_path"
        )


@pytest.fixture
def target(warehouse_stack: Stack, tmp_path: Path) -> Callable[[], Target]:
    return lambda: Target(warehouse_stack, tmp_path)


def counted(path: Path, run_id: str, accepted: int, duplicates: int, rejected: int) -> dict[str, object]:
    return {
        "file_path": str(path),
        "run_id": run_id,
        "rows": accepted + duplicates + rejected,
        "accepted": accepted,
        "duplicates": duplicates,
        "rejected": rejected,
    }


def test_a_file_is_loaded_once_unless_it_changes_or_is_to_be_loaded_again(
    target: Callable[[], Target], tmp_path: Path
) -> None:
    into = target()
    (tmp_path / "in").mkdir()
    files = f"{tmp_path}/in/*"
    mixed = write_lines(
        tmp_path / "in/a-mixed.jsonl",
        [*(order(f"e{n}", n) for n in range(5)), order("e1", 6), refused(1, 2), refused(2, 3)],
    )
    empty = write_lines(tmp_path / "in/b-empty.jsonl", [])
    # e0 was published earlier in the other file, so here it is the duplicate.
    zipped = write_lines(tmp_path / "in/c.jsonl.gz", [order("e0", 9), order("z1", 7), order("z2", 8)])

    into.load(files, "--run_id=first")

    first = [
        counted(mixed, "first", 5, 1, 2),
        counted(empty, "first", 0, 0, 0),
        counted(zipped, "first", 2, 1, 0),
    ]
    assert into.loads() == first
    before = rows_of_views(into.warehouse)

    said = into.load(files)

    (loaded_at,) = {
        row["t"].strftime("%Y-%m-%dT%H:%M:%SZ")
        for row in into.warehouse.ask("SELECT loaded_at AS t FROM _load_metadata")
    }
    assert said == [
        *(
            f"{path} is skipped: it was loaded at {loaded_at} by run first; --reload loads it again."
            for path in (mixed, empty, zipped)
        ),
        "nothing is left to load and nothing is written: all 3 files are loaded",
    ]
    assert into.loads() == first
    assert into.warehouse.count("orders") == 7

    into.load(files, "--reload", "--run_id=again")

    assert into.loads()[3:] == [{**row, "run_id": "again"} for row in first]
    assert into.warehouse.count("orders") == 14
    assert rows_of_views(into.warehouse) == before

    write_lines(mixed, [order("new", 11)])
    said = into.load(files, "--run_id=changed")

    assert into.loads()[6:] == [counted(mixed, "changed", 1, 0, 0)]
    assert [sentence for sentence in said if "has changed" in sentence] == [
        f"{mixed} has changed since it was loaded at {_newest_load(into, 'again')} by run again: the metrics "
        "count twice what was in it then."
    ]
    assert into.warehouse.column("SELECT event_id FROM orders_deduplicated ORDER BY event_id") == [
        *(f"e{n}" for n in range(5)),
        *("new", "z1", "z2"),
    ]


def _newest_load(into: Target, run_id: str) -> str:
    (moment,) = into.warehouse.column(f"SELECT MAX(loaded_at) FROM _load_metadata WHERE run_id = '{run_id}'")
    return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_two_backfills_that_share_a_window_count_what_one_backfill_of_both_files_counts(
    target: Callable[[], Target], tmp_path: Path
) -> None:
    one = write_lines(tmp_path / "one.jsonl", [*(order(f"a{n}", n, "both") for n in range(4)), refused(1, 2)])
    # Minutes 2 to 7: the first window has orders of both files, the second one of this alone.
    two = write_lines(
        tmp_path / "two.jsonl", [*(order(f"b{n}", 2 + n, "both") for n in range(6)), order("b0", 9)]
    )
    in_two, in_one = target(), target()
    with ThreadPoolExecutor() as pool:
        whole = pool.submit(in_one.load, f"{tmp_path}/*.jsonl")
        in_two.load(one)
        in_two.load(two)
        whole.result()

    # A customer that two runs have seen counts twice: they keep numbers of customers, not customers.
    without = (*CLOCK, "unique_customers")
    assert rows_of_views(in_two.warehouse, without=without) == rows_of_views(
        in_one.warehouse, without=without
    )
    orders = "SELECT order_count, unique_customers FROM {} WHERE dimension = 'all' ORDER BY window_start"
    assert [tuple(row.values()) for row in in_two.warehouse.ask(orders.format("order_metrics_latest"))] == [
        (7, 2),
        (3, 1),
    ]
    assert [tuple(row.values()) for row in in_one.warehouse.ask(orders.format("hourly_metrics_latest"))] == [
        (10, 1)
    ]

    in_two.load(f"{tmp_path}/*.jsonl", "--reload")

    assert rows_of_views(in_two.warehouse, without=CLOCK) == rows_of_views(in_one.warehouse, without=CLOCK)


def test_a_killed_backfill_that_is_started_again_ends_like_one_that_was_not_killed(
    target: Callable[[], Target], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for part in range(2):
        lines = [order(f"p{part}-{n % 650}", n % 30, f"c-{n % 40}") for n in range(700)]
        write_lines(tmp_path / f"in/{part}.jsonl", [*lines, *(refused(part * 100 + n, n) for n in range(30))])
    files = f"{tmp_path}/in/*.jsonl"
    killed, whole = target(), target()

    _kill_when_rows_are_there(killed, files)
    rows_of_the_killed = killed.warehouse.count("orders")
    assert killed.loads() == []
    with ThreadPoolExecutor() as pool:
        undisturbed = pool.submit(whole.load, files)
        killed.load(files)
        undisturbed.result()

    assert 0 < rows_of_the_killed <= 1_300
    assert killed.warehouse.count("orders") == rows_of_the_killed + 1_300
    expected = rows_of_views(whole.warehouse, without=CLOCK)
    assert len(expected["orders_deduplicated"]) == 1_300
    assert rows_of_views(killed.warehouse, without=CLOCK) == expected
    assert lake_rows(killed.lake) == lake_rows(whole.lake)

    # As if it had been killed when all was written, and nothing recorded.
    killed.warehouse.ask("DELETE FROM _load_metadata WHERE TRUE")
    assert rows_of_views(killed.warehouse, without=CLOCK) == expected
    killed.load(files)

    assert rows_of_views(killed.warehouse, without=CLOCK) == expected
    assert lake_rows(killed.lake) == lake_rows(whole.lake)


def _kill_when_rows_are_there(into: Target, files: str) -> None:
    process = subprocess.Popen(
        into.command(files, "--bigquery_batch_rows=20"),
        cwd=REPOSITORY,
        env={**into.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while into.warehouse.count("orders") == 0:
            assert process.poll() is None, "it has ended before it had written a row"
            time.sleep(0.02)
        assert process.poll() is None, "it has ended before it could be killed"
    finally:
        process.kill()
        process.wait()


def test_a_backfill_whose_sink_fails_records_nothing_and_the_next_one_loads_all(
    target: Callable[[], Target], tmp_path: Path
) -> None:
    into = target()
    file = write_lines(tmp_path / "a.jsonl", [order("e1", 1), order("e2", 2)])
    into.warehouse.ask("DROP TABLE hourly_metrics")

    failed = into.backfill(file)

    assert failed.returncode == 1
    assert "hourly_metrics" in failed.stderr.splitlines()[-1]
    assert into.warehouse.count("orders") == 2
    assert into.loads() == []

    into.warehouse.ask(create_table_ddl(load_contract().tables["hourly_metrics"], into.warehouse.dataset))
    into.load(file, "--run_id=second")

    assert into.loads() == [counted(file, "second", 2, 0, 0)]
    assert {
        row["order_count"] for view in LATEST[:2] for row in into.warehouse.ask(f"SELECT * FROM {view}")
    } == {2}


def test_a_dataset_without_the_table_is_refused_before_anything_is_written(
    target: Callable[[], Target], tmp_path: Path
) -> None:
    into = target()
    file = write_lines(tmp_path / "a.jsonl", [order("e1", 1)])
    into.warehouse.ask("DROP TABLE _load_metadata")

    finished = into.backfill(file)

    assert finished.returncode == 2
    assert finished.stderr.splitlines() == [
        f"error: --bq_dataset={into.dataset} has no table _load_metadata: create it from schemas.json."
    ]
    assert into.warehouse.count("orders") == 0
    assert not into.lake.exists()


def test_without_a_warehouse_the_trail_lies_in_the_lake(warehouse_stack: Stack, tmp_path: Path) -> None:
    environment = warehouse_stack.environment
    root = f"{environment['OUTPUT_BUCKET']}/{uuid.uuid4().hex}"
    file = write_lines(tmp_path / "a.jsonl", [order("e1", 1), order("e1", 2), refused(1, 3)])

    first = run(command(file, root, "none", "--run_id=first"), environment)
    second = run(command(file, root, "none"), environment)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert sentences(second)[0].startswith(f"{file} is skipped: it was loaded at 2")
    assert sentences(second)[0].endswith("Z by run first; --reload loads it again.")
    assert sentences(second)[1:] == ["nothing is left to load and nothing is written: all 1 files are loaded"]
