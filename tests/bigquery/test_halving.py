"""Requests that are too large, and requests that one row spoils: halved until the row is found."""

from __future__ import annotations

import orjson
import pytest
from google.cloud import bigquery
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.bigquery_insert import insert_rows
from pipeline.bigquery_rows import Row, RowError
from tests.bigquery.sample_rows import INVALID, QUICK, TABLE, ids, rows
from tests.bigquery.stub_server import HTML_413, Answer, StubBigQuery, error

TOO_LARGE_400 = error(400, "badRequest", "Request payload size exceeds the limit: 10485760 bytes.")


@pytest.mark.parametrize("too_large", [HTML_413, TOO_LARGE_400], ids=["413-html", "400-json"])
def test_request_too_large_is_halved_until_it_fits(
    too_large: Answer, stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stub.rule = lambda request: too_large if len(request.rows) > 2 else None
    assert insert_rows(stub_client, TABLE, rows(8), QUICK).errors == []
    assert [len(request.rows) for request in stub.requests] == [8, 4, 2, 2, 4, 2, 2]
    assert stub.stored_ids() == ids(range(8))


@pytest.mark.parametrize("too_large", [HTML_413, TOO_LARGE_400], ids=["413-html", "400-json"])
def test_single_row_too_large_for_the_server_is_reported(
    too_large: Answer, stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stub.rule = lambda request: too_large if "id-2" in request.insert_ids else None
    errors = insert_rows(stub_client, TABLE, rows(4), QUICK).errors
    assert [(error.position, error.reason) for error in errors] == [(2, "row_too_large")]
    assert stub.stored_ids() == ids([0, 1, 3])


def test_row_over_the_limit_is_reported_without_being_sent(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    large = Row("large", orjson.dumps({"order_id": "x" * 2000}))
    settings = QUICK._replace(max_batch_bytes=1000)
    errors = insert_rows(stub_client, TABLE, [*rows(1), large], settings).errors
    assert errors == [
        RowError(
            1,
            "row_too_large",
            "",
            "The row takes 2,043 bytes, more than BigQuery accepts in one request.",
        )
    ]
    assert stub.sent() == {"id-0": 1}


def test_row_that_bigquery_finds_too_large_has_our_reason(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    message = "Maximum allowed row size exceeded. Allowed: 5242880 Row size: 5242894"
    stub.bad_rows = {"id-0": [{"reason": "invalid", "location": "", "message": message}]}
    assert insert_rows(stub_client, TABLE, rows(1), QUICK).errors == [
        RowError(0, "row_too_large", "", message)
    ]


@pytest.mark.parametrize("status", [400, 500])
def test_row_that_spoils_the_whole_request_is_found_and_its_neighbours_are_written(
    status: int, stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    spoilt = error(status, "invalid", "Invalid value.")
    stub.rule = lambda request: spoilt if {"id-1", "id-6"} & set(request.insert_ids) else None
    report = insert_rows(stub_client, TABLE, rows(8), QUICK)
    assert report.errors == [
        RowError(1, "invalid", "", "Invalid value."),
        RowError(6, "invalid", "", "Invalid value."),
    ]
    assert stub.stored_ids() == ids([0, 2, 3, 4, 5, 7])


@given(
    count=st.integers(0, 40),
    data=st.data(),
    max_batch_rows=st.integers(1, 12),
    max_batch_bytes=st.integers(300, 1500),
    stops_neighbours=st.booleans(),
)
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_good_rows_are_written_and_bad_ones_reported_once_whatever_is_bad(
    count: int,
    data: st.DataObject,
    max_batch_rows: int,
    max_batch_bytes: int,
    stops_neighbours: bool,
    stub: StubBigQuery,
    stub_client: bigquery.Client,
) -> None:
    numbers = st.sets(st.integers(0, max(count - 1, 0)))
    invalid, spoiling, large = ({n for n in data.draw(numbers) if n < count} for _ in range(3))
    sizes = data.draw(st.lists(st.integers(0, 60), min_size=count, max_size=count))
    stub.requests, stub.stored = [], []
    stub.bad_rows = {f"id-{n}": [INVALID] for n in invalid}
    stub.stops_neighbours = stops_neighbours
    spoiling_ids = {f"id-{n}" for n in spoiling}
    stub.rule = lambda request: (
        error(400, "invalid") if spoiling_ids.intersection(request.insert_ids) else None
    )
    settings = QUICK._replace(max_batch_rows=max_batch_rows, max_batch_bytes=max_batch_bytes)
    given_rows = [
        Row(f"id-{n}", orjson.dumps({"v": "é" * (1500 if n in large else sizes[n])})) for n in range(count)
    ]

    errors = insert_rows(stub_client, TABLE, given_rows, settings).errors

    bad = invalid | spoiling | large
    assert [error.position for error in errors] == sorted(bad)
    assert {error.position for error in errors if error.reason == "row_too_large"} == large
    assert stub.stored_ids() == ids([n for n in range(count) if n not in bad])
    assert all(1 <= len(request.rows) <= max_batch_rows for request in stub.requests)
    assert all(request.body_bytes <= max_batch_bytes for request in stub.requests)
