"""What a backfill leaves in the lake: the same whatever the number of runs, workers and blocks."""

from __future__ import annotations

import gzip
import io
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet
import pytest

from pipeline import files
from pipeline.main import main
from tests.backfill.shop_files import plain, sent, write
from tests.loads.backfills import command, run

CLOCK = ("processed_at", "failed_at", "emitted_at", "loaded_at", "run_id", "run_mode", "row_id")
"""Columns that say something of the run, and not of what it has read."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of each format: 5,800 events in two hours, some twice, some refused."""
    folder = tmp_path_factory.mktemp("shop")
    orders = [sent(f"o{n}", f"o{n}", n) for n in range(4_000)]
    stock = [plain(f"p{n}", f"p{n}", n % 100, "inventory") for n in range(1_500)]
    again = [sent(f"again {n}", f"o{n}", n + 0.5) for n in range(0, 4_000, 40)]
    bad = [sent(f"bad {n}", f"o{n}", n, status="lost") for n in range(0, 4_000, 80)]
    seen = [sent(f"a{n}", f"a{n}", n, "user_activity") for n in range(300)]
    write(folder / "1.jsonl", [*orders[:2_000], *stock, *seen[200:], b"no json"])
    write(folder / "2.jsonl.gz", [*orders[2_000:], *bad])
    write(folder / "3.avro", [*again, *seen[:200]])
    return folder


def backfill(shop: Path, lake: Path, *flags: str) -> None:
    arguments = command(f"{shop}/*", str(lake), "none", *flags)
    assert main(arguments[arguments.index("--is_backfill") :]) == 0


def paths(lake: Path) -> set[str]:
    return {str(path.relative_to(lake)) for path in lake.rglob("*") if path.is_file()}


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        yield from pyarrow.parquet.ParquetFile(io.BytesIO(path.read_bytes())).read().to_pylist()
    else:
        yield from map(orjson.loads, path.read_bytes().splitlines())


def rows(lake: Path) -> dict[str, Counter[str]]:
    """How often each row is there, by table: an event type of the lake or a table of the pipeline's own."""
    found: dict[str, Counter[str]] = {}
    for path in map(Path, sorted(paths(lake))):
        for row in rows_of(lake / path):
            text = repr(
                {key: value for key, value in row.items() if key not in CLOCK and "latency" not in key}
            )
            found.setdefault("/".join(path.parts[:2]), Counter())[text] += 1
    return found


@pytest.fixture(scope="module")
def first(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake that one run leaves."""
    lake = tmp_path_factory.mktemp("first")
    backfill(shop, lake, "--run_id=first")
    return lake


def test_every_accepted_event_is_in_the_lake_once(first: Path) -> None:
    found = rows(first)
    assert {kind: found[f"processed/event_type={kind}"].total() for kind in ("order", "inventory")} == {
        "order": 4_000,
        "inventory": 1_500,
    }
    assert found["processed/event_type=user_activity"].total() == 300
    assert max(count for kind in found.values() for count in kind.values()) == 1
    ids = [row["event_id"] for path in (first / "processed").rglob("*.parquet") for row in rows_of(path)]
    assert len(ids) == len(set(ids)) == 5_800


def test_each_file_is_accounted_for(first: Path) -> None:
    loads = [row for path in (first / "tables" / "_load_metadata").iterdir() for row in rows_of(path)]
    assert {
        Path(row["file_path"]).name: tuple(
            row[name] for name in ("rows", "accepted", "duplicates", "rejected")
        )
        for row in loads
    } == {"1.jsonl": (3_601, 3_600, 0, 1), "2.jsonl.gz": (2_050, 2_000, 0, 50), "3.avro": (300, 200, 100, 0)}


def test_large_parts_of_a_range_are_files_of_their_own_and_small_ones_are_gathered(first: Path) -> None:
    sizes = {
        str(path.relative_to(first / "processed")): sum(1 for _ in rows_of(path))
        for path in (first / "processed").rglob("*.parquet")
    }
    alone = [size for name, size in sizes.items() if "-range-" in name]
    gathered = [name for name in sizes if "-pane-0-" in name]
    # Orders of hour 12 in two files, 400 orders of hour 13, and inventory; user_activity is in two ranges.
    assert sorted(alone) == [400, 1_500, 1_600, 2_000]
    assert [sizes[name] for name in gathered] == [300]
    assert len(alone) + len(gathered) == len(sizes)


def test_a_run_that_loads_the_same_files_again_leaves_the_same_files(shop: Path, first: Path) -> None:
    before, said = paths(first), rows(first)
    backfill(shop, first, "--run_id=second", "--reload")
    added = paths(first) - before
    assert before <= paths(first)
    assert {Path(each).parts[1] for each in added} == {
        *("_load_metadata", "order_metrics", "hourly_metrics", "data_quality_metrics"),
        "metric_expectations",
    }
    for name in ("processed/event_type=order", "processed/event_type=inventory", "tables/dead_letters"):
        assert rows(first)[name] == said[name]


@pytest.mark.parametrize(("block_bytes", "range_bytes"), [(50_000, 120_000), (1_000_000, 300_000)])
def test_rows_do_not_depend_on_blocks_and_ranges(
    shop: Path,
    first: Path,
    tmp_path: Path,
    block_bytes: int,
    range_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(files, "RANGE_BYTES", range_bytes)
    backfill(shop, tmp_path, "--run_id=other")
    assert of_events(rows(tmp_path)) == of_events(rows(first))


def of_events(found: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
    """Without what a second run of the test before has added."""
    return {
        name: counts
        for name, counts in found.items()
        if name.startswith("processed/") or name == "tables/dead_letters"
    }


@pytest.mark.slow
def test_two_workers_leave_what_one_does(tmp_path: Path) -> None:
    for number in range(6):
        lines = [plain(f"{number}-{n}", f"e{(number * 700 + n) % 3_000}", n % 3_000) for n in range(1_000)]
        lines += [b'{"broken": %d' % n for n in range(number)]
        data = b"".join(line + b"\n" for line in lines)
        (tmp_path / f"{number}.jsonl.gz").write_bytes(gzip.compress(data))
    two = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")
    lakes = {"one": tmp_path / "one", "two": tmp_path / "two"}
    for name, flags in (("one", ()), ("two", two)):
        finished: subprocess.CompletedProcess[str] = run(
            command(f"{tmp_path}/*.jsonl.gz", str(lakes[name]), "none", *flags)
        )
        assert finished.returncode == 0, finished.stderr
    one, both = rows(lakes["one"]), rows(lakes["two"])
    assert one.keys() == both.keys()
    for table, counts in one.items():
        assert both[table] == counts, table
    assert one["processed/event_type=order"].total() == 3_000
    assert one["tables/dead_letters"].total() == 15
    assert paths(lakes["one"] / "processed") == paths(lakes["two"] / "processed")
