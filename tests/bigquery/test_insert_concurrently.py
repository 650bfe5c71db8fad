"""Several tables at once: the requests overlap, and a fault of one leaves none under way."""

from __future__ import annotations

import time

import pytest

from pipeline.bigquery_faults import TableNotWritable
from pipeline.bigquery_insert import insert_concurrently
from pipeline.bigquery_rows import InsertSettings, Row
from tests.bigquery.stub_server import Answer, Request, StubBigQuery, error

TABLES = [f"local-shop.ecommerce_events.{name}" for name in ("orders", "inventory_logs", "user_activity")]
DELAY_SECONDS = 0.4


def test_requests_to_different_tables_overlap(stub: StubBigQuery) -> None:
    stub.rule = lambda request: Answer(200, b"{}", delay_seconds=DELAY_SECONDS)
    started = time.monotonic()
    reports = insert_concurrently({table: [Row("r", b"{}")] for table in TABLES}, InsertSettings())
    assert time.monotonic() - started < 2 * DELAY_SECONDS
    assert list(reports) == TABLES
    assert sorted(request.table for request in stub.requests) == ["inventory_logs", "orders", "user_activity"]


def test_fault_of_one_table_is_raised_after_the_others_have_answered(stub: StubBigQuery) -> None:
    def answer(request: Request) -> Answer:
        if request.table == "orders":
            return error(404, "notFound")
        return Answer(200, b"{}", delay_seconds=DELAY_SECONDS)

    stub.rule = answer
    started = time.monotonic()
    with pytest.raises(TableNotWritable, match="orders"):
        insert_concurrently({table: [Row("r", b"{}")] for table in TABLES}, InsertSettings())
    assert time.monotonic() - started >= DELAY_SECONDS
