"""The query that fills raw_events, run against BigQuery's emulator."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import bigquery

from local.resources import bigquery_client
from local.stack import Stack
from tests.endtoend.warehouse import Warehouse
from tests.terraform.configuration import FOLDER

NOW = datetime.now(UTC).replace(microsecond=0)
LAST_HOUR = NOW - timedelta(hours=1)


class Shop:
    """A dataset with the contract's tables and raw_events."""

    def __init__(self, address: str) -> None:
        self.warehouse = Warehouse(address, "local-shop", f"raw_{secrets.token_hex(4)}")
        self.warehouse.create()
        self._client = bigquery_client(address, "local-shop")
        declared = json.loads((FOLDER / "raw_events.json").read_text(encoding="utf-8"))
        schema = [bigquery.SchemaField.from_api_repr(column) for column in declared["columns"]]
        self._client.create_table(bigquery.Table(f"{self.warehouse.dataset}.raw_events", schema=schema))

    def insert(self, table: str, **row: Any) -> None:
        row = {
            "event_id": "e-1", "schema_version": 1, "is_late": False,
            "publish_time": LAST_HOUR.isoformat(), "processed_at": LAST_HOUR.isoformat(), **row,
        }  # fmt: skip
        assert self._client.insert_rows_json(f"{self.warehouse.dataset}.{table}", [row]) == []

    def fill(self, days: int = 8) -> None:
        query = (FOLDER / "raw_events.sql").read_text(encoding="utf-8")
        self.warehouse.ask(query.replace("{dataset}", self.warehouse.dataset).replace("{days}", str(days)))

    def rows(self) -> list[dict[str, Any]]:
        return self.warehouse.ask(
            "SELECT event_type, event_id, line, event_timestamp, customer_id, product_id, product_category, "
            "status, quantity, unit_price FROM raw_events ORDER BY event_type, event_id, line"
        )


@pytest.fixture
def shop(stack: Stack) -> Shop:
    return Shop(stack.service("bigquery").address)


def item(product_id: str, category: str | None, quantity: int, unit_price: float) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "product_name": None,
        "category": category,
        "quantity": quantity,
        "unit_price": unit_price,
    }


def order(event_id: str = "e-1", at: datetime = LAST_HOUR, **more: Any) -> dict[str, Any]:
    return {
        "event_id": event_id, "order_id": "o-1", "customer_id": "c-1", "order_date": at.isoformat(),
        "status": "shipped", "total_amount": 25.0, "shipping_address": None,
        "items": [item("p-1", "kitchen", 2, 10.0), item("p-2", None, 1, 5.0)], **more,
    }  # fmt: skip


def test_an_order_has_a_row_for_each_of_its_items(shop: Shop) -> None:
    shop.insert("orders", **order())
    shop.fill()
    of_order = {"event_type": "order", "event_id": "e-1", "event_timestamp": LAST_HOUR, "customer_id": "c-1"}
    assert shop.rows() == [
        of_order | {
            "line": 0, "product_id": "p-1", "product_category": "kitchen", "status": "shipped",
            "quantity": 2, "unit_price": 10.0,
        },
        of_order | {
            "line": 1, "product_id": "p-2", "product_category": None, "status": "shipped",
            "quantity": 1, "unit_price": 5.0,
        },
    ]  # fmt: skip


def test_other_events_have_one_row_and_no_status(shop: Shop) -> None:
    shop.insert(
        "inventory_logs", inventory_id="i-1", product_id="p-1", warehouse_id="w-1", quantity_change=-3,
        reason="sale", timestamp=LAST_HOUR.isoformat(),
    )  # fmt: skip
    shop.insert(
        "user_activity", user_id=None, activity_type="view_product", timestamp=LAST_HOUR.isoformat(),
        metadata={"product_id": "p-2", "category": "garden", "price": 7.5},
    )  # fmt: skip
    shop.fill()
    told = [
        (
            row["event_type"],
            row["line"],
            row["product_id"],
            row["product_category"],
            row["status"],
            row["quantity"],
        )
        for row in shop.rows()
    ]
    assert told == [
        ("inventory", 0, "p-1", None, None, -3),
        ("user_activity", 0, "p-2", "garden", None, None),
    ]


def test_filling_twice_adds_nothing(shop: Shop) -> None:
    shop.insert("orders", **order())
    shop.fill()
    shop.fill()
    assert shop.warehouse.count("raw_events") == 2


def test_a_row_that_was_written_twice_counts_once(shop: Shop) -> None:
    shop.insert("orders", **order())
    shop.insert("orders", **order(publish_time=NOW.isoformat()))
    shop.fill()
    assert shop.warehouse.count("raw_events") == 2


def test_only_the_last_days_are_looked_at(shop: Shop) -> None:
    shop.insert("orders", **order("old", at=NOW - timedelta(days=9)))
    shop.insert("orders", **order("new"))
    shop.fill()
    assert {row["event_id"] for row in shop.rows()} == {"new"}
    shop.fill(days=10)
    assert {row["event_id"] for row in shop.rows()} == {"new", "old"}
    assert shop.warehouse.count("raw_events") == 4
