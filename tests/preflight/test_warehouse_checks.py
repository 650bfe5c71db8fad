from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from local.stack import Stack
from pipeline.contract import View, load_contract
from pipeline.preflight.warehouse import compare_view
from tests.preflight.ground import Ground, Report, preflight

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def warehouse(stack: Stack, environment: None) -> Ground:
    """A dataset in which many things are wrong, a table for each."""
    ground = Ground(stack)
    ground.create_dataset(without=("alerts_deduplicated", "dead_letters_open"))

    def field(fields: list[dict[str, Any]], name: str) -> dict[str, Any]:
        return next(one for one in fields if one["name"] == name)

    def lose_columns(fields: list[dict[str, Any]]) -> None:
        fields.remove(field(fields, "event_id"))
        address = field(fields, "shipping_address")
        address["fields"] = [one for one in address["fields"] if one["name"] != "city"]

    ground.replace_table("orders", lose_columns)
    ground.replace_table("inventory_logs", lambda f: field(f, "quantity_change").update(type="STRING"))
    ground.replace_table("user_activity", lambda f: f.remove(field(f, "user_id")))
    ground.replace_table("alerts", lambda f: field(f, "alert_id").update(mode="NULLABLE"))
    ground.replace_table(
        "dead_letters",
        lambda f: f.append({"name": "owner", "type": "STRING", "mode": "NULLABLE"}),
    )
    ground.replace_table("order_metrics", lambda f: None, partitioned=False)
    ground.replace_table("hourly_metrics", lambda f: None, clustered=False)
    ground.replace_table("replays", lambda f: f.append({"name": "by", "type": "STRING", "mode": "REQUIRED"}))
    ground.bigquery.delete_table(f"{ground.dataset}._load_metadata")
    ground.bigquery.create_table(
        bigquery.Table(f"{ground.dataset}.dead_letters_open", [bigquery.SchemaField("a", "STRING")])
    )
    return ground


@pytest.fixture
def report(warehouse: Ground, capsys: Capture) -> Report:
    return preflight(capsys, warehouse.flags(bq_dataset=warehouse.dataset.replace(".", ":")))


def test_exactly_the_broken_tables_and_views_are_wrong(report: Report) -> None:
    assert report.wrong == [
        "table orders",
        "table inventory_logs",
        "table user_activity",
        "table order_metrics",
        "table hourly_metrics",
        "table replays",
        "table _load_metadata",
        "table alerts",
        "view dead_letters_open",
        "view alerts_deduplicated",
    ]
    assert report.code == 1


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            "table orders",
            "The REQUIRED column shipping_address.city (STRING) is missing; "
            "the REQUIRED column event_id (STRING) is missing.",
        ),
        ("table inventory_logs", "Column quantity_change is STRING instead of INTEGER."),
        ("table user_activity", "The NULLABLE column user_id (STRING) is missing."),
        ("table alerts", "Column alert_id is NULLABLE instead of REQUIRED."),
        ("table order_metrics", "Its partitioning is none instead of DAY of window_start."),
        ("table hourly_metrics", "Its clustering is none instead of dimension, dimension_value."),
        ("table replays", "The REQUIRED column by is not in the contract, so no row would have it."),
        ("table _load_metadata", "It does not exist: create it, or name another."),
        ("view alerts_deduplicated", "It does not exist: create it, or name another."),
        ("view dead_letters_open", "It is a TABLE, not a view."),
    ],
)
def test_the_sentence_names_what_differs(what: str, said: str, report: Report) -> None:
    assert report.said(what) == ("wrong", said)


def test_a_column_more_is_a_remark(report: Report) -> None:
    assert report.said("table dead_letters") == ("ok", "Column owner is not in the contract.")


def test_what_bigquery_can_change_in_place_comes_with_the_statement(
    warehouse: Ground, report: Report
) -> None:
    alter = f"bq query --use_legacy_sql=false 'ALTER TABLE `{warehouse.dataset}.{{}}` {{}}'"
    assert report.run("table user_activity") == alter.format("user_activity", "ADD COLUMN user_id STRING")
    assert report.run("table replays") == alter.format("replays", "ALTER COLUMN by DROP NOT NULL")
    assert report.run("table inventory_logs").startswith("bq cp ")


def test_the_stacks_own_dataset_is_as_the_contract_has_it(
    stack: Stack, warehouse: Ground, capsys: Capture
) -> None:
    report = preflight(capsys, warehouse.flags(bq_dataset=stack.environment["BQ_DATASET"]))
    contract = load_contract()
    looked_at = [what for what in report.findings if what.startswith(("table ", "view "))]
    assert looked_at == [
        *(f"table {name}" for name in contract.tables),
        *(f"view {name}" for name in contract.views),
    ]
    assert report.wrong == []


def test_a_backfill_looks_at_the_right_to_query_as_well(
    stack: Stack, warehouse: Ground, capsys: Capture, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n")
    flags = warehouse.flags(bq_dataset=stack.environment["BQ_DATASET"], input_subscription=None)
    report = preflight(capsys, [*flags, "--is_backfill", f"--input_path={tmp_path}/*.jsonl"])
    assert report.said("role to query in local-shop") == (
        "not checked",
        "The BigQuery emulator lets everybody in.",
    )
    assert report.wrong == []


def test_a_missing_dataset_is_said_once(warehouse: Ground, capsys: Capture) -> None:
    report = preflight(capsys, warehouse.flags(bq_dataset="local-shop:not_there"))
    assert report.wrong == ["dataset local-shop:not_there"]
    assert report.said("table orders") == ("not checked", "There is no dataset.")


@pytest.mark.parametrize(
    ("query", "state"),
    [
        ("SELECT * FROM `shop.{dataset}.orders`\n  WHERE TRUE", "ok"),
        ("SELECT * FROM shop.`{dataset}`.orders WHERE FALSE", "wrong"),
        (None, "ok"),
    ],
)
def test_a_views_query_is_compared_but_for_spaces_where_the_server_shows_it(
    query: str | None, state: str
) -> None:
    resource: dict[str, Any] = {
        "type": "VIEW",
        "tableReference": {"projectId": "shop", "datasetId": "d", "tableId": "v"},
    }
    if query is not None:
        resource["view"] = {"query": query.replace("{dataset}", "d")}
    view = View("v", "", "SELECT * FROM `{dataset}.orders` WHERE TRUE")
    found = compare_view(view, bigquery.Table.from_api_repr(resource), "shop:d", "terraform apply")
    assert found.state == state
