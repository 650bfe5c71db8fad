"""Without a warehouse: rows of the pipeline's own tables are files in the lake, local or in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import orjson
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from local.stack import Stack
from pipeline import objects
from pipeline.bigquery_rows import Row
from pipeline.objects import BucketNotWritable
from pipeline.tables import Tables, WriteRows
from pipeline.transforms.dead_letters import DeadLetterSettings, KeepDeadLetters
from tests.transforms.builders import dead_letter
from tests.transforms.streams import run_batch

ROWS = [Row("a", b'{"n":1}'), Row("b", b'{"n":2,"text":"\\n"}')]
LINES = b'{"n":1}\n{"n":2,"text":"\\n"}\n'


def contents(root: Path, table: str) -> list[bytes]:
    """What is in each file of a table."""
    return sorted(path.read_bytes() for path in (root / "tables" / table).iterdir())


def test_rows_are_lines_of_one_file_of_their_table(tmp_path: Path) -> None:
    report = Tables(None, str(tmp_path)).write("alerts", ROWS)
    assert contents(tmp_path, "alerts") == [LINES]
    (path,) = (tmp_path / "tables" / "alerts").iterdir()
    assert path.suffix == ".jsonl"
    assert report.errors == []


def test_a_repeated_bundle_writes_the_same_file_again_whatever_its_clock_says(tmp_path: Path) -> None:
    tables = Tables(None, str(tmp_path))
    tables.write("alerts", ROWS)
    later = [row._replace(json=row.json.replace(b'"n"', b'"m"')) for row in ROWS]
    tables.write("alerts", later)
    assert contents(tmp_path, "alerts") == [LINES.replace(b'"n"', b'"m"')]


def test_other_rows_and_other_tables_are_other_files(tmp_path: Path) -> None:
    tables = Tables(None, str(tmp_path))
    for table, rows in (("alerts", ROWS), ("alerts", ROWS[:1]), ("alerts", ROWS[1:]), ("replays", ROWS)):
        tables.write(table, rows)
    assert len(contents(tmp_path, "alerts")) == 3
    assert contents(tmp_path, "replays") == [LINES]


def test_the_step_passes_on_what_it_has_written(tmp_path: Path) -> None:
    tables = Tables(None, str(tmp_path))
    outcome = run_batch([ROWS, ROWS[:1]], lambda rows: (rows | WriteRows(tables, "alerts"))._asdict())
    assert sorted(map(len, outcome.outputs["rows"])) == [1, 2]
    assert contents(tmp_path, "alerts") == sorted([LINES, b'{"n":1}\n'])


def test_dead_letters_of_each_stage_are_rows_in_files(tmp_path: Path) -> None:
    keep = KeepDeadLetters(DeadLetterSettings(Tables(None, str(tmp_path)), None))
    large = dead_letter(b"x" * 1_000_001, message_id="large")

    def build(letters):
        refused_later = letters | "Later" >> _only("large")
        return ({"Parse": letters | "Earlier" >> _only("m1"), "BigQuery": refused_later} | keep).letters

    outputs = run_batch([[dead_letter()], [large]], build).outputs
    assert {
        stage: [each.message.message_id for chunk in found for each in chunk]
        for stage, found in outputs.items()
    } == {
        "Parse": ["m1"],
        "BigQuery": ["large"],
    }
    rows = [orjson.loads(each) for each in contents(tmp_path, "dead_letters")]
    assert sorted(row["message_id"] for row in rows) == ["large", "m1"]
    (uri,) = [row["payload_uri"] for row in rows if "payload_uri" in row]
    assert Path(uri).read_bytes() == b"x" * 1_000_001


def _only(message_id: str) -> beam.PTransform:
    return beam.Filter(lambda chunk: chunk[0].message.message_id == message_id)


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Bucket]:
    with Stack(tmp_path / "state", parts={"storage"}) as stack:
        address = stack.environment["STORAGE_EMULATOR_HOST"]
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        objects.storage_client.cache_clear()
        yield storage.Client(
            project="local-shop",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": address},
        ).bucket("shop-events-output")
    objects.storage_client.cache_clear()


def test_rows_in_a_bucket_are_one_object_however_often_they_are_written(bucket: storage.Bucket) -> None:
    tables = Tables(None, "gs://shop-events-output/lake")
    for _ in range(2):
        tables.write("alerts", ROWS)
    (blob,) = bucket.list_blobs(prefix="lake/tables/")
    assert blob.name.startswith("lake/tables/alerts/")
    assert blob.download_as_bytes() == LINES


def test_a_bucket_that_does_not_exist_is_named(bucket: storage.Bucket) -> None:
    with pytest.raises(BucketNotWritable, match="gs://no-such-bucket does not exist"):
        Tables(None, "gs://no-such-bucket").write("alerts", ROWS)
