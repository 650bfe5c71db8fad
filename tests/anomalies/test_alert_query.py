"""The query of an alert: SQL that shows the windows around it, whatever a producer wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import bigquery

from local.child import free_ports
from local.services import BigqueryEmulator
from pipeline.alerts import Alert, alert_query
from pipeline.bigquery_client import bigquery_client
from pipeline.contract import load_contract
from pipeline.projections import bigquery_fields
from pipeline.rfc3339 import format_rfc3339
from tests.anomalies.shop import window

DATASET = "local-shop:ecommerce_events"
HOSTILE = {
    "a country": "DE",
    "a quote": "it's",
    "a statement": "' OR TRUE; DROP TABLE orders; --",
    "a backslash": "C:\\new",
    "a backslash and a quote": "\\' OR 1=1 --",
    "a line": "two\nlines\r\tand a tab",
    "three quotes": "'''\"\"\"`",
    "a zero": "a\x00b",
    "far away": "Köln ☕ 𝄞",
    "wide spaces": "a\u2028b\u00a0c",
    "nothing": "",
}


def alert(
    metric: str = "order_count", dimension: str = "category", value: str = "kitchen", opened: int = 40
) -> Alert:
    start_us, end_us = window(44)
    return Alert(
        "drop",
        "error",
        metric,
        dimension,
        value,
        window(opened).start_us,
        start_us,
        end_us,
        1.0,
        2.0,
        3.0,
        4.0,
        5,
        "Fell.",
    )


def test_the_windows_of_two_hours_around_are_shown() -> None:
    assert alert_query(alert(), DATASET) == (
        "SELECT * FROM `local-shop.ecommerce_events.order_metrics_latest` "
        "WHERE window_start >= TIMESTAMP '2024-01-01T01:20:00.000000Z' "
        "AND window_start < TIMESTAMP '2024-01-01T05:45:00.000000Z' "
        "AND dimension = 'category' AND dimension_value = 'kitchen' ORDER BY window_start"
    )


@pytest.mark.parametrize(
    ("metric", "dimension", "value", "table", "condition"),
    [
        (
            "order_count",
            "all",
            "all",
            "order_metrics_latest",
            "dimension = 'all' AND dimension_value = 'all'",
        ),
        (
            "order_count",
            "country",
            "DE",
            "order_metrics_latest",
            "dimension = 'country' AND dimension_value = 'DE'",
        ),
        (
            "order_value",
            "category",
            "a",
            "order_metrics_latest",
            "dimension = 'category' AND dimension_value = 'a'",
        ),
        ("validity_rate", "event_type", "order", "data_quality_metrics_latest", "event_type = 'order'"),
        ("validity_rate", "all", "all", "data_quality_metrics_latest", ""),
        ("latency_ms_p95", "all", "all", "data_quality_metrics_latest", ""),
        (
            "products_running_out",
            "warehouse",
            "w-1",
            "alerts_deduplicated",
            "dimension = 'warehouse' AND dimension_value = 'w-1'",
        ),
    ],
)
def test_each_metric_is_shown_where_it_is_kept(
    metric: str, dimension: str, value: str, table: str, condition: str
) -> None:
    query = alert_query(alert(metric, dimension, value), DATASET)
    assert query is not None
    assert f"`local-shop.ecommerce_events.{table}`" in query
    assert table in load_contract().views
    assert query.endswith(f"{' AND ' * bool(condition)}{condition} ORDER BY window_start")


def test_without_a_warehouse_there_is_no_query() -> None:
    assert alert_query(alert(), None) is None


@pytest.mark.parametrize("at", [0, 253_402_300_799_999_999], ids=["the year 1", "the year 9999"])
def test_times_at_the_ends_of_the_calendar_have_a_query(at: int) -> None:
    start_us = at or -62_135_596_800_000_000
    query = alert_query(
        alert()._replace(opened_at_us=start_us, window_start_us=start_us, window_end_us=start_us), DATASET
    )
    assert query is not None


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_query_is_one_line(value: str) -> None:
    query = alert_query(alert(value=value), DATASET)
    assert query is not None
    assert query.isprintable()


PRINTABLE = {name: value for name, value in HOSTILE.items() if value.isprintable()}
"""The emulator knows no escape by code point; BigQuery does (its lexical structure, escape sequences)."""


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("a\nb", r"'a\U0000000ab'"),
        ("a\x00b", r"'a\U00000000b'"),
        ("a\u2028b", r"'a\U00002028b'"),
        ("\\", r"'\\'"),
        ("'", r"'\''"),
        ("\\'", r"'\\\''"),
        ("𝄞", "'𝄞'"),
    ],
)
def test_what_cannot_be_printed_is_written_by_its_code_point(value: str, literal: str) -> None:
    query = alert_query(alert(value=value), DATASET)
    assert query is not None
    assert query.endswith(f" AND dimension_value = {literal} ORDER BY window_start")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bigquery.Client]:
    """An emulator whose order_metrics_latest holds a row for each hostile category, and one more."""
    folder: Path = tmp_path_factory.mktemp("bigquery")
    server = BigqueryEmulator(free_ports(1)[0], folder, folder / "data", "local-shop")
    server.start()
    with pytest.MonkeyPatch.context() as environment:
        try:
            server.wait_until_it_answers(60, lambda: False)
            environment.setenv("BIGQUERY_EMULATOR_HOST", server.environment()["BIGQUERY_EMULATOR_HOST"])
            client = bigquery_client("local-shop")
            client.create_dataset("local-shop.ecommerce_events", exists_ok=True)
            fields = bigquery_fields(load_contract().tables["order_metrics"])
            schema = [bigquery.SchemaField.from_api_repr(field) for field in fields]
            name = "local-shop.ecommerce_events.order_metrics_latest"
            client.create_table(bigquery.Table(name, schema=schema))
            rows = [
                {
                    "window_start": format_rfc3339(window(44).start_us),
                    "window_end": format_rfc3339(window(44).end_us),
                    "dimension": "category",
                    "dimension_value": value,
                    "order_count": 1,
                    "run_id": "r",
                    "run_mode": "streaming",
                    "pane_index": 0,
                    "pane_timing": "on_time",
                    "emitted_at": format_rfc3339(window(45).start_us),
                    "item_count": 1,
                    "unique_customers": 1,
                    "late_count": 0,
                }
                for value in (*HOSTILE.values(), "another")
            ]
            assert client.insert_rows_json(name, rows) == []
            yield client
        finally:
            server.ask_to_end()
            server.wait_until_ended(10)


@pytest.mark.parametrize("value", PRINTABLE.values(), ids=PRINTABLE)
def test_a_query_finds_its_rows_and_no_other(value: str, warehouse: bigquery.Client) -> None:
    query = alert_query(alert(value=value), DATASET)
    assert query is not None
    assert [row["dimension_value"] for row in warehouse.query_and_wait(query)] == [value]
