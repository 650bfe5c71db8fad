"""The rows of `_load_metadata`: what they count, and that they come last."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import apache_beam as beam
import orjson
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from msgspec.structs import replace

from pipeline.checksums import FileToLoad
from pipeline.elements import ByteRange, DeadLetter, Event
from pipeline.files import InputFile
from pipeline.loads import EarlierLoad, Loads, earlier_loads
from pipeline.tables import Tables
from pipeline.transforms.loads import FileCounts, LoadOutcomes, RecordLoads, add_up, load_rows
from tests.transforms.builders import at, dead_letter, event

A = FileToLoad(InputFile("in/a.jsonl", 700), "md5-of-a")
EMPTY = FileToLoad(InputFile("in/empty.jsonl", 0), "md5-of-nothing")
INPUTS = ("accepted", "duplicates", "Parse", "BigQuery", "lake", "metrics")


def accepted(*paths: str | None) -> list[Event]:
    return [_from(event(), path) for path in paths]


def rejected(*paths: str | None) -> list[DeadLetter]:
    return [_from(dead_letter(), path) for path in paths]


def _from(element, path: str | None):
    read_from = None if path is None else ByteRange(path, 0, 1)
    return replace(element, message=replace(element.message, read_from=read_from))


def recorded(root: Path) -> list[dict[str, object]]:
    folder = root / "tables" / "_load_metadata"
    return [orjson.loads(line) for file in folder.glob("*") for line in file.read_bytes().splitlines()]


def record(root: Path, chunks: dict[str, Iterable[list]], failing: str = "") -> None:
    """Run RecordLoads over these chunks; the input `failing` raises when all the others are there."""
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        inputs = {
            name: pipeline
            | f"Create{name}" >> beam.Create(list(chunks.get(name, [])) or [[]])
            | f"Shuffle{name}" >> beam.Reshuffle()
            | f"Write{name}" >> beam.Map(_raise if name == failing else _pass)
            for name in INPUTS
        }
        outcomes = LoadOutcomes(
            inputs["accepted"],
            inputs["duplicates"],
            {"Parse": inputs["Parse"], "BigQuery": inputs["BigQuery"]},
            (inputs["lake"], inputs["metrics"]),
        )
        outcomes | RecordLoads(Loads((A, EMPTY), "run-7", Tables(None, str(root))))


def _pass(chunk: list) -> list:
    return chunk


def _raise(_: list) -> list:
    raise RuntimeError("the sink is broken")


def test_each_file_has_one_row_with_what_became_of_its_messages(tmp_path: Path) -> None:
    a = A.file.path
    record(
        tmp_path,
        {
            "accepted": [accepted(a, a, a), accepted(a)],
            "duplicates": [accepted(a, a)],
            "Parse": [rejected(a)],
            "BigQuery": [rejected(a, a)],
            "lake": [["m-1"], ["m-2"]],
        },
    )

    rows = recorded(tmp_path)

    assert {str(row.pop("loaded_at"))[-1] for row in rows} == {"Z"}
    assert rows == [
        {
            "file_path": "in/a.jsonl",
            "md5": "md5-of-a",
            "bytes": 700,
            "rows": 9,
            "accepted": 4,
            "duplicates": 2,
            "rejected": 3,
            "run_id": "run-7",
        },
        {
            "file_path": "in/empty.jsonl",
            "md5": "md5-of-nothing",
            "bytes": 0,
            "rows": 0,
            "accepted": 0,
            "duplicates": 0,
            "rejected": 0,
            "run_id": "run-7",
        },
    ]


@pytest.mark.parametrize("failing", INPUTS)
def test_nothing_is_recorded_where_a_sink_fails(tmp_path: Path, failing: str) -> None:
    with pytest.raises(RuntimeError, match="the sink is broken"):
        record(tmp_path, {"accepted": [accepted(A.file.path)]}, failing)
    assert recorded(tmp_path) == []


def test_a_message_that_comes_from_no_file_is_counted_for_none(tmp_path: Path) -> None:
    record(tmp_path, {"accepted": [accepted(None, A.file.path)], "Parse": [rejected(None)]})
    assert [row["rows"] for row in recorded(tmp_path)] == [1, 0]


def test_counts_add_up_by_kind() -> None:
    assert add_up([]) == FileCounts(0, 0, 0)
    assert add_up([FileCounts(1, 0, 0), FileCounts(2, 3, 0), FileCounts(0, 0, 5)]) == FileCounts(3, 3, 5)


def test_the_same_load_has_the_same_insert_id_whenever_it_is_written() -> None:
    loads = Loads((A, EMPTY), "run-7", Tables(None, "lake"))
    first, again = load_rows(loads, {}, at(0)), load_rows(loads, {}, at(60))
    assert [row.insert_id for row in first] == [row.insert_id for row in again]
    others = load_rows(loads._replace(run_id="run-8"), {}, at(0))
    assert len({row.insert_id for row in first + others}) == 4


def test_the_lakes_own_trail_is_asked_by_content_by_path_and_by_run(tmp_path: Path) -> None:
    tables = Tables(None, str(tmp_path))
    moved = FileToLoad(InputFile("elsewhere", 1), A.md5)
    changed = FileToLoad(InputFile(A.file.path, 1), "another")
    stranger = FileToLoad(InputFile("elsewhere", 1), "another")
    assert earlier_loads(tables, [A], "run-8") == []

    tables.write("_load_metadata", load_rows(Loads((A, EMPTY), "run-7", tables), {}, at(0)))

    known = EarlierLoad(A.md5, A.file.path, "run-7", "2024-05-01T12:00:00Z")
    assert earlier_loads(tables, [A], "run-8") == [known]
    assert earlier_loads(tables, [moved], "run-8") == [known]
    assert earlier_loads(tables, [changed], "run-8") == [known]
    assert earlier_loads(tables, [stranger], "run-8") == []
    assert len(earlier_loads(tables, [stranger], "run-7")) == 2
