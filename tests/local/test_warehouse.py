"""The BigQuery emulator as the stack runs it, and the data it keeps."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from bqemulator.api.routes.tabledata import _build_arrow_schema
from bqemulator.storage.arrow_bridge import bq_rows_to_arrow
from google.cloud import bigquery

from local.bigquery_server import rows_to_arrow
from local.errors import StackError
from local.names import Names
from local.resources import bigquery_client, create_dataset
from local.sql import ask
from local.stack import Stack
from pipeline.contract import load_contract
from pipeline.projections import bigquery_fields

CONTRACT = load_contract()


def dead_letter(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "dead_letter_id": f"d{number}",
        "stage": "parse",
        "reason": "not_utf8",
        "error_count": 1,
        "errors": [{"path": "", "rule": "utf-8", "message": "Not UTF-8."}],
        "event_type": None,
        "message_id": "m1",
        "publish_time": "2026-01-01T10:00:00.000001Z",
        "failed_at": "2026-01-01T10:00:01Z",
        "pipeline_version": "1",
        "replay_count": 0,
        "fingerprint": "f",
        "attributes": [{"key": "k", "value": "v"}],
        "payload": base64.b64encode(b"\xff\x00").decode(),
        "payload_uri": None,
        "payload_bytes": 2,
        **changes,
    }


def insert(client: bigquery.Client, rows: list[dict[str, Any]]) -> Any:
    return client.insert_rows_json("ecommerce_events.dead_letters", rows, skip_invalid_rows=True)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder that two stacks, one after the other, have written to."""
    folder = tmp_path_factory.mktemp("warehouse") / "state"
    for run in range(2):
        with Stack(folder, parts={"bigquery"}) as stack:
            client = bigquery_client(stack.environment["BIGQUERY_EMULATOR_HOST"], "local-shop")
            for batch in range(3):
                assert insert(client, [dead_letter(run * 100 + batch * 10 + n) for n in range(5)]) == []
    return folder


def test_rows_of_earlier_runs_are_kept_byte_for_byte(state: Path) -> None:
    answer = ask(
        "SELECT COUNT(*) AS n, ANY_VALUE(payload) AS payload, ANY_VALUE(errors) AS errors FROM dead_letters",
        state,
    )
    assert answer.columns == ("n", "payload", "errors")
    assert answer.rows == [(30, b"\xff\x00", [{"path": "", "rule": "utf-8", "message": "Not UTF-8."}])]


def test_invalid_row_is_named_and_its_neighbours_are_written(tmp_path: Path) -> None:
    with Stack(tmp_path / "state", parts={"bigquery"}) as stack:
        client = bigquery_client(stack.environment["BIGQUERY_EMULATOR_HOST"], "local-shop")
        errors = insert(client, [dead_letter(1), dead_letter(2, replay_count="many"), dead_letter(3)])
        rows = client.query("SELECT dead_letter_id FROM dead_letters ORDER BY 1").result()
        assert [(error["index"], error["errors"][0]["reason"]) for error in errors] == [(1, "invalid")]
        assert [row[0] for row in rows] == ["d1", "d3"]


def test_insert_copies_nothing_for_time_travel(state: Path) -> None:
    with duckdb.connect(str(state / "bigquery" / "bqemulator.duckdb"), read_only=True) as database:
        tables = database.sql(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = '_bqemulator_snapshots'"
        ).fetchall()
    assert [name for (name,) in tables if name.startswith("s_")] == []


def test_table_with_other_columns_than_the_contract_is_refused(state: Path, tmp_path: Path) -> None:
    declared = json.loads(Path("pipeline/schemas.json").read_text())
    declared["tables"]["orders"]["columns"].append(
        {"name": "coupon", "type": "STRING", "mode": "NULLABLE", "description": "A new column."}
    )
    (tmp_path / "schemas.json").write_text(json.dumps(declared))
    with Stack(tmp_path / "state", parts={"bigquery"}) as stack:
        address = stack.environment["BIGQUERY_EMULATOR_HOST"]
        with pytest.raises(StackError, match="The table orders in this state folder has other columns"):
            create_dataset(address, Names(), load_contract(tmp_path / "schemas.json"))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"payload": None, "publish_time": None, "errors": []},
        {"replay_count": "7", "payload_bytes": 2.0, "event_type": 5},
        {"failed_at": "2026-01-01 10:00:01 UTC"},
        {"errors": [{"path": "/a", "unknown": 1}], "unknown_column": "dropped"},
    ],
)
def test_rows_are_converted_as_the_emulator_does(changes: dict[str, Any]) -> None:
    schema = _build_arrow_schema(bigquery_fields(CONTRACT.tables["dead_letters"]))
    rows = [{"json": dead_letter(1)}, {"json": dead_letter(2, **changes)}]
    assert rows_to_arrow(rows, schema).to_pylist() == bq_rows_to_arrow(rows, schema).to_pylist()


@pytest.mark.parametrize("changes", [{"replay_count": "many"}, {"payload": "bm9!0"}])
def test_row_that_does_not_fit_raises_as_the_emulators_code_does(changes: dict[str, Any]) -> None:
    schema = _build_arrow_schema(bigquery_fields(CONTRACT.tables["dead_letters"]))
    with pytest.raises(ValueError, match=r"."):
        rows_to_arrow([{"json": dead_letter(1, **changes)}], schema)


def test_arrow_errors_are_the_ones_that_are_caught() -> None:
    assert issubclass(pa.ArrowInvalid, ValueError)
    assert issubclass(pa.ArrowTypeError, TypeError)
