"""The rows and settings that the tests of `insert_rows` share."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from pipeline.bigquery_rows import InsertSettings, Row

TABLE = "local-shop.ecommerce_events.orders"
QUICK = InsertSettings(
    request_timeout_seconds=5, max_retry_seconds=5, base_backoff_seconds=0.001, max_backoff_seconds=0.01
)
IMPATIENT = QUICK._replace(max_retry_seconds=0.2)
INVALID = {"reason": "invalid", "location": "items[0].quantity", "message": "Cannot convert value."}


def rows(count: int) -> list[Row]:
    return [Row(f"id-{n}", orjson.dumps({"order_id": f"o-{n}"})) for n in range(count)]


def ids(numbers: Iterable[int]) -> dict[str, int]:
    return {f"id-{n}": 1 for n in numbers}
