"""The command on the emulators: afterwards the person is nowhere, and everybody else is where they were."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import orjson
import pyarrow.parquet
import pytest

from tests.contract.messages import CONTRACT
from tests.endtoend.in_process import Ended
from tests.endtoend.plant import Plant
from tests.erase.shop import MINE, MY_USER, OTHERS, erase, fill, hex_of


def objects(plant: Plant) -> dict[str, bytes]:
    return {blob.name: blob.download_as_bytes() for blob in plant._bucket.list_blobs(prefix=f"{plant.name}/")}


def content_of(name: str, data: bytes) -> list[Any]:
    """Rows, records or lines of an object, so that two of them can be compared."""
    if name.endswith(".parquet"):
        return pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    if name.endswith(".avro"):
        return list(fastavro.reader(io.BytesIO(data)))
    return (gzip.decompress(data) if name.endswith(".gz") else data).splitlines()


def rows(plant: Plant, names: Iterable[str] = CONTRACT.tables) -> dict[str, list[dict[str, Any]]]:
    """The rows of tables or views, in an order of their own."""
    return {name: sorted(plant.warehouse.ask(f"SELECT * FROM {name}"), key=repr) for name in names}


def spellings(text: str) -> set[bytes]:
    dumped = {orjson.dumps(text)[1:-1], text.encode(), repr(text)[1:-1].encode()}
    return dumped | {text.encode("unicode_escape"), text.encode("latin-1")}


def is_mine(each: Any) -> bool:
    said = repr(each)
    return MINE in said or repr(MINE)[1:-1] in said or "mine" in said or f"'user_id': '{MY_USER}'" in said


def without_mine(everything: Sequence[Any]) -> list[Any]:
    return [each for each in everything if not is_mine(each)]


@pytest.fixture(scope="module")
def filled(stack: Any) -> Plant:
    plant = Plant(stack)
    fill(plant)
    return plant


class Erased(NamedTuple):
    """What was there, what was said, and what is left."""

    plant: Plant
    rows_before: dict[str, list[dict[str, Any]]]
    objects_before: dict[str, bytes]
    looked: Ended
    plan: Path
    applied: Ended
    again: Ended
    rows_after: dict[str, list[dict[str, Any]]]
    objects_after: dict[str, bytes]


@pytest.fixture(scope="module")
def erased(filled: Plant, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    folder = tmp_path_factory.mktemp("plans")
    before, objects_before = rows(filled), objects(filled)
    looked = erase(filled, folder / "look")
    unchanged = (rows(filled), objects(filled)) == (before, objects_before)
    assert unchanged, "looking changed something"
    applied = erase(filled, folder / "apply", "--apply")
    again = erase(filled, folder / "again", "--apply")
    left = rows(filled, (*CONTRACT.tables, *CONTRACT.views)), objects(filled)
    return Erased(filled, before, objects_before, looked, folder / "look", applied, again, *left)


FOUND = [
    "        2  rows of orders",
    "        2  rows of user_activity",
    "        6  rows of dead_letters",
    "        2  entries of 2 objects under dead_letters/; 2 of the objects go",
    "        8  entries of 4 objects under processed/; 2 of the objects go",
    "        9  entries of 3 objects under raw/; 1 of the objects go",
]


def test_looking_says_how_much_there_is_and_changes_nothing(erased: Erased) -> None:
    assert (erased.looked.code, erased.looked.err) == (0, "")
    lines = erased.looked.out.splitlines()
    assert lines[1:-2] == FOUND
    assert lines[-2].startswith("nothing is changed: read ")
    assert lines[-1] == "files of raw/ will change: let no backfill read them meanwhile"
    assert MINE not in erased.looked.out


def test_the_plan_is_for_its_owner_alone_and_names_rows_and_objects(erased: Erased) -> None:
    script, listed = erased.plan / "erase.sql", erased.plan / "objects.txt"
    assert (script.stat().st_mode & 0o777, listed.stat().st_mode & 0o777) == (0o600, 0o600)
    dataset = erased.plant.dataset.replace(":", ".")
    assert (
        f"-- 2 rows\nDELETE FROM `{dataset}.orders` WHERE customer_id = 'o\\'Neil \"C\\\\1\" ß';\n"
        in script.read_text()
    )
    assert script.read_text().count("DELETE FROM") == 3
    paths = [each.split("\t")[2] for each in listed.read_text().splitlines()[1:]]
    assert len(paths) == 9
    assert {path.removeprefix("gs://shop-events-output/") for path in paths} <= erased.objects_before.keys()


def test_the_person_is_in_no_table_and_no_view(erased: Erased) -> None:
    assert erased.applied.code == 0, erased.applied
    for name, found in erased.rows_after.items():
        assert [row for row in found if is_mine(row)] == [], name


def test_everybody_elses_rows_are_as_they_were(erased: Erased) -> None:
    for name, found in erased.rows_after.items():
        if name in CONTRACT.tables and name != "_load_metadata":
            assert found == without_mine(erased.rows_before[name]), name
    assert len(erased.rows_before["orders"]) == 5


def test_the_person_is_in_no_object_of_the_lake(erased: Erased) -> None:
    for name, data in erased.objects_after.items():
        text = repr(content_of(name, data)).encode() + (b"" if name.endswith((".gz", ".parquet")) else data)
        assert [each for each in spellings(MINE) if each in text] == [], name
        assert "mine" not in name


def test_everybody_elses_objects_are_as_they_were(erased: Erased) -> None:
    after = erased.objects_after
    for name, data in after.items():
        if "both" not in name:
            assert data == erased.objects_before[name], name
    gone = erased.objects_before.keys() - after.keys()
    assert sorted(name.rpartition("/")[2] for name in gone if "mine" in name) == [
        "mine.jsonl.gz",
        "mine.parquet",
        "mine.parquet",
    ]
    assert len(gone) == 5  # two are payloads of dead letters
    (both,) = [name for name in after if name.endswith("order/date=2024-05-01/hour=12/both.parquet")]
    before = content_of(both, erased.objects_before[both])
    assert content_of(both, after[both]) == [row for row in before if row["customer_id"] == OTHERS]
    for name in ("raw/both.avro", "raw/date=2024-05-01/both.jsonl.gz"):
        path = f"{erased.plant.name}/{name}"
        kept = content_of(path, after[path])
        assert len(kept) == 7
        assert [each for each in content_of(path, erased.objects_before[path]) if each in kept] == kept


def test_a_changed_file_of_the_archive_still_counts_as_loaded(erased: Erased) -> None:
    md5 = erased.plant._bucket.get_blob(f"{erased.plant.name}/raw/date=2024-05-01/both.jsonl.gz").md5_hash
    loads = {row["md5"]: row for row in erased.rows_after["_load_metadata"]}
    assert len(loads) == 2
    assert loads[hex_of(md5)]["run_id"] == "run"


def test_a_second_run_finds_nothing(erased: Erased) -> None:
    assert erased.again.code == 0
    assert "nothing is found of this person" in erased.again.out
    assert erased.applied.out.splitlines()[1:-1] == FOUND
