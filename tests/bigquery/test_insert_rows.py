"""`insert_rows` against a server that answers with BigQuery's own faults."""

from __future__ import annotations

import time

import orjson
import pytest
from google.cloud import bigquery

from pipeline.bigquery_faults import BigQueryUnavailable, TableNotWritable
from pipeline.bigquery_insert import insert_rows
from pipeline.bigquery_rows import InsertReport, Row, RowError
from tests.bigquery.sample_rows import IMPATIENT, INVALID, QUICK, TABLE, ids, rows
from tests.bigquery.stub_server import RESET, Answer, Request, StubBigQuery, error


def test_every_row_arrives_once_with_its_insert_id_and_unchanged_json(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    json = '{"name":"Größe 7½ ☕","price":0.10,"big":9007199254740993}'.encode()
    report = insert_rows(stub_client, TABLE, [Row('quote " and \\ é', json)], QUICK)
    assert report.errors == []
    assert stub.requests[0].table == "orders"
    assert stub.requests[0].rows == [{"insertId": 'quote " and \\ é', "json": orjson.loads(json)}]
    assert stub.requests[0].skip_invalid_rows is True


def test_no_rows_send_no_request(stub: StubBigQuery, stub_client: bigquery.Client) -> None:
    assert insert_rows(stub_client, TABLE, [], QUICK) == InsertReport([], 0, [])
    assert stub.requests == []


@pytest.mark.parametrize(
    "fault",
    [
        error(500, "internalError"),
        error(502, "badGateway"),
        error(503, "backendError"),
        error(504, "timeout"),
        error(429, "rateLimitExceeded"),
        error(403, "quotaExceeded"),
        error(403, "rateLimitExceeded"),
        error(400, "tableUnavailable"),
        Answer(503, b"<html>upstream is away</html>"),
        Answer(200, b"<html>log in to this network</html>"),
        Answer(200, b""),
        RESET,
    ],
    ids=[
        "500",
        "502",
        "503",
        "504",
        "429",
        "403-quota",
        "403-rate",
        "400-table-unavailable",
        "503-html",
        "200-html",
        "200-empty",
        "reset",
    ],
)
def test_passing_fault_is_retried_and_rows_are_written_once(
    fault: Answer, stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stub.script = [fault, fault]
    report = insert_rows(stub_client, TABLE, rows(3), QUICK)
    assert report.errors == []
    assert report.retry_count == 2
    assert len(report.request_ms) == 3
    assert stub.sent() == {"id-0": 3, "id-1": 3, "id-2": 3}
    assert stub.stored_ids() == ids(range(3))


def test_lasting_outage_raises_and_names_table_and_reason(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stub.rule = lambda request: error(503, "backendError", "try later")
    with pytest.raises(BigQueryUnavailable) as raised:
        insert_rows(stub_client, TABLE, rows(2), IMPATIENT)
    assert str(raised.value) == (
        "BigQuery has not taken the rows for local-shop.ecommerce_events.orders in 0.2 s "
        "(backendError: try later): nothing is acknowledged, they will come again."
    )
    assert stub.stored == []
    assert len(stub.requests) > 5


def test_unreachable_server_raises_unavailable(stub: StubBigQuery, stub_client: bigquery.Client) -> None:
    stub.close()
    with pytest.raises(BigQueryUnavailable, match="ConnectionError"):
        insert_rows(stub_client, TABLE, rows(1), IMPATIENT)


def test_slow_answer_is_given_up_and_sent_again_with_the_same_id(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stub.script = [Answer(200, b"{}", delay_seconds=1.0)]
    report = insert_rows(stub_client, TABLE, rows(1), QUICK._replace(request_timeout_seconds=0.2))
    assert report.errors == []
    assert stub.sent() == {"id-0": 2}
    assert 200 <= report.request_ms[0] < 900


def test_no_wait_is_longer_than_the_fault_has_lasted(
    stub: StubBigQuery, stub_client: bigquery.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_seconds = 0.05
    started = time.monotonic()
    waits: list[tuple[float, float]] = []

    def longest(least: float, most: float) -> float:
        waits.append((most, time.monotonic() - started))
        return most

    monkeypatch.setattr("pipeline.bigquery_patience.random.uniform", longest)
    stub.script = [error(503, "backendError")] * 5
    settings = QUICK._replace(base_backoff_seconds=base_seconds, max_backoff_seconds=32.0)
    assert insert_rows(stub_client, TABLE, rows(2), settings).retry_count == 5
    assert [wait for wait, lasted in waits if wait > max(base_seconds, lasted)] == []
    assert waits[-1][0] > 4 * base_seconds


def test_retry_after_is_waited_for(stub: StubBigQuery, stub_client: bigquery.Client) -> None:
    stub.script = [error(429, "rateLimitExceeded", Retry_After="1")]
    started = time.monotonic()
    insert_rows(stub_client, TABLE, rows(1), QUICK)
    assert 1.0 <= time.monotonic() - started < 3
    assert stub.sent() == {"id-0": 2}


def test_retry_after_beyond_our_patience_raises_at_once(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stub.script = [error(503, "backendError", Retry_After="3600")]
    started = time.monotonic()
    with pytest.raises(BigQueryUnavailable):
        insert_rows(stub_client, TABLE, rows(1), QUICK)
    assert time.monotonic() - started < 2
    assert stub.sent() == {"id-0": 1}


@pytest.mark.parametrize(
    "fault",
    [
        error(403, "accessDenied", "Permission bigquery.tables.updateData denied"),
        error(404, "notFound", "Not found: Table local-shop:ecommerce_events.orders"),
        error(401, "authError", "Invalid Credentials"),
        error(400, "invalid", "Cannot add rows to a table of type VIEW."),
    ],
    ids=lambda fault: str(fault.status),
)
def test_fault_of_the_table_raises_at_once_and_blames_no_row(
    fault: Answer, stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stub.rule = lambda request: fault
    with pytest.raises(TableNotWritable, match=r"write to local-shop\.ecommerce_events\.orders \(.+create"):
        insert_rows(stub_client, TABLE, rows(4), QUICK)
    assert stub.sent() == ids(range(4))


def test_one_bad_row_is_reported_and_its_neighbours_are_written_once(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stub.bad_rows = {"id-3": [INVALID]}
    report = insert_rows(stub_client, TABLE, rows(6), QUICK)
    assert report.errors == [RowError(3, "invalid", "items[0].quantity", "Cannot convert value.")]
    assert report.retry_count == 0
    assert stub.stored_ids() == ids([0, 1, 2, 4, 5])
    assert stub.sent() == ids(range(6))


def test_all_errors_of_a_row_are_reported(stub: StubBigQuery, stub_client: bigquery.Client) -> None:
    other = {"reason": "invalid", "location": "colour", "message": "no such field: colour."}
    stub.bad_rows = {"id-0": [INVALID, other], "id-1": []}
    assert insert_rows(stub_client, TABLE, rows(2), QUICK).errors == [
        RowError(0, "invalid", "items[0].quantity", "Cannot convert value."),
        RowError(0, "invalid", "colour", "no such field: colour."),
        RowError(1, "unknown", "", "BigQuery does not say why."),
    ]


def test_stopped_neighbours_are_sent_again_at_once_and_never_reported(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stub.bad_rows = {"id-1": [INVALID]}
    stub.stops_neighbours = True
    started = time.monotonic()
    report = insert_rows(stub_client, TABLE, rows(4), QUICK._replace(base_backoff_seconds=60.0))
    assert [error.position for error in report.errors] == [1]
    assert stub.sent() == {"id-0": 2, "id-1": 1, "id-2": 2, "id-3": 2}
    assert stub.stored_ids() == ids([0, 2, 3])
    assert time.monotonic() - started < 2


def test_row_that_failed_for_bigquery_s_own_reasons_is_sent_again_alone(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    def once(request: Request) -> Answer | None:
        if len(stub.requests) > 1:
            return None
        stub.stored += [("orders", "id-0"), ("orders", "id-2")]
        passing = [{"index": 1, "errors": [{"reason": "backendError", "message": "busy"}]}]
        return Answer(200, orjson.dumps({"insertErrors": passing}))

    stub.rule = once
    assert insert_rows(stub_client, TABLE, rows(3), QUICK).errors == []
    assert stub.sent() == {"id-0": 1, "id-1": 2, "id-2": 1}
    assert stub.stored_ids() == ids(range(3))


def test_rows_that_stay_stopped_without_a_bad_one_raise_in_the_end(
    stub: StubBigQuery, stub_client: bigquery.Client
) -> None:
    stopped = [{"index": 0, "errors": [{"reason": "stopped", "message": ""}]}]
    stub.rule = lambda request: Answer(200, orjson.dumps({"insertErrors": stopped}))
    with pytest.raises(BigQueryUnavailable, match="stopped"):
        insert_rows(stub_client, TABLE, rows(1), IMPATIENT)
