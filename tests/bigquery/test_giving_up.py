"""Rows for a BigQuery that does not take them, when nobody is to wait: given up after a few requests."""

from __future__ import annotations

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from google.cloud import bigquery

from pipeline import sink_circuit
from pipeline.bigquery_client import bigquery_client
from pipeline.bigquery_insert import insert_rows
from pipeline.bigquery_rows import InsertReport, InsertSettings
from pipeline.sink_circuit import CircuitSettings
from tests.bigquery.sample_rows import INVALID, QUICK, ids, rows
from tests.bigquery.stub_server import Answer, Request, StubBigQuery, error
from tests.bigquery.test_sink_circuit import Clock

AWAY = error(503, "backendError", "try later")
PAUSE_SECONDS = 30
CIRCUIT = CircuitSettings(retry_seconds=0.01, open_seconds=PAUSE_SECONDS)
IMPATIENT = QUICK._replace(on_outage=CIRCUIT)
NEVER_AGAIN = QUICK._replace(on_outage=CircuitSettings(retry_seconds=0.01, open_seconds=3_600))


def insert(table: str, count: int, settings: InsertSettings = IMPATIENT) -> InsertReport:
    return insert_rows(bigquery_client("local-shop"), table, rows(count), settings)


def unwritten(report: InsertReport) -> list[int]:
    return [each.position for each in report.unwritten]


def open_circuit(stub: StubBigQuery, table: str) -> Clock:
    """Open the circuit of a table with five requests. The clock of its pause stands still."""
    clock = Clock()
    key = (table, CIRCUIT)
    sink_circuit._CIRCUITS[key] = sink_circuit.Circuit(*key, clock)
    stub.rule = lambda request: AWAY
    insert(table, 2, IMPATIENT._replace(max_batch_rows=1))
    assert len(stub.requests) == 5
    stub.rule = lambda request: None
    return clock


def test_a_request_is_sent_four_times_and_its_rows_are_given_up(stub: StubBigQuery, table: str) -> None:
    stub.rule = lambda request: AWAY
    started = time.monotonic()
    report = insert(table, 3)
    assert time.monotonic() - started >= 0.01 + 0.02 + 0.04
    assert unwritten(report) == [0, 1, 2]
    assert (report.errors, report.retry_count, len(stub.requests), report.news) == ([], 3, 4, ())
    assert report.unwritten[0].reason == "bigquery_unavailable"
    assert report.unwritten[0].message == (
        f"BigQuery did not take the row for {table}, the last request failed with backendError"
    )


@pytest.mark.parametrize("message", ["Could not parse 'Anna' as INT64", "no such table for Anna", ""])
def test_an_outage_of_requests_or_of_single_rows_quotes_no_value(
    stub: StubBigQuery, table: str, message: str
) -> None:
    stub.bad_rows["id-1"] = [{"reason": "backendError", "message": message}]
    told = insert(table, 2)
    stub.rule = lambda request: error(503, "internalError", message)
    told_later = insert(table, 2)
    assert [each.message.rpartition(" with ")[2] for each in (*told.unwritten, *told_later.unwritten)] == [
        "backendError",
        *["internalError"] * 2,
    ]
    assert [news.fault for news in told_later.news] == ["internalError"]


def test_an_outage_names_the_table_that_is_not_there(stub: StubBigQuery, table: str) -> None:
    stub.rule = lambda request: error(404, "notFound", f"Not found: Table {table}. It was Anna's.")
    assert insert(table, 1).unwritten[0].message.endswith(f" with notFound: Not found: Table {table}")


def test_a_request_that_is_taken_in_the_end_gives_nothing_up(stub: StubBigQuery, table: str) -> None:
    stub.script = [AWAY] * 3
    report = insert(table, 3)
    assert (report.unwritten, report.retry_count) == ((), 3)
    assert stub.stored_ids() == ids(range(3))


def test_the_fifth_failure_in_a_row_opens_over_batches_and_nothing_more_is_sent(
    stub: StubBigQuery, table: str
) -> None:
    stub.rule = lambda request: AWAY
    report = insert(table, 5, NEVER_AGAIN._replace(max_batch_rows=1))
    assert unwritten(report) == [0, 1, 2, 3, 4]
    assert stub.sent() == {"id-0": 4, "id-1": 1}
    assert report.retry_count == 3, "the fifth is not even waited for"
    assert [news.state for news in report.news] == ["open"]
    assert unwritten(insert(table, 2, NEVER_AGAIN)) == [0, 1]
    assert len(stub.requests) == 5


def test_after_the_pause_one_request_decides(stub: StubBigQuery, table: str) -> None:
    pause = open_circuit(stub, table)
    pause.go_on(PAUSE_SECONDS)
    stub.rule = lambda request: AWAY
    report = insert(table, 2, IMPATIENT._replace(max_batch_rows=1))
    assert (len(stub.requests), unwritten(report)) == (6, [0, 1])
    assert [news.state for news in report.news] == ["ongoing"]
    pause.go_on(PAUSE_SECONDS)
    stub.rule = lambda request: None
    report = insert(table, 2)
    assert report.unwritten == ()
    assert [news.state for news in report.news] == ["resolved"]
    assert stub.stored_ids() == ids(range(2))


@pytest.mark.parametrize(
    "fault", [error(404, "notFound"), error(403, "accessDenied")], ids=["no table", "no permission"]
)
def test_a_fault_of_the_table_is_an_outage_too(fault: Answer, stub: StubBigQuery, table: str) -> None:
    stub.rule = lambda request: fault
    report = insert(table, 2)
    assert (unwritten(report), len(stub.requests)) == ([0, 1], 4)


def test_who_has_waited_for_one_table_does_not_wait_for_the_next(stub: StubBigQuery, dataset: str) -> None:
    stub.rule = lambda request: AWAY
    for name, times_sent in (("orders", 4), ("dead_letters", 1), ("order_metrics", 1)):
        stub.requests.clear()
        assert unwritten(insert(f"{dataset}.{name}", 1, NEVER_AGAIN)) == [0]
        assert len(stub.requests) == times_sent


def test_that_lasts_for_a_pause(stub: StubBigQuery, dataset: str) -> None:
    pause = open_circuit(stub, f"{dataset}.orders")
    pause.go_on(PAUSE_SECONDS)
    stub.script = [AWAY] * 3
    stub.rule = lambda request: None
    assert insert(f"{dataset}.alerts", 1).unwritten == ()


def test_a_table_that_is_missing_says_nothing_of_the_others(stub: StubBigQuery, dataset: str) -> None:
    stub.rule = lambda request: error(404, "notFound")
    insert(f"{dataset}.orders", 1, NEVER_AGAIN)
    stub.script = [AWAY] * 3
    stub.rule = lambda request: None
    assert insert(f"{dataset}.alerts", 1, NEVER_AGAIN).unwritten == ()


def test_a_retry_after_beyond_the_pause_is_not_waited_for(stub: StubBigQuery, table: str) -> None:
    stub.rule = lambda request: error(503, "backendError", Retry_After="31")
    assert unwritten(insert(table, 1)) == [0]
    assert len(stub.requests) == 1


def test_a_refused_request_is_an_answer_and_no_failure(stub: StubBigQuery, table: str) -> None:
    stub.rule = lambda request: error(400, "invalid", "Bad row.")
    report = insert(table, 8)
    assert [each.position for each in report.errors] == list(range(8))
    assert (report.unwritten, report.news) == ((), ())


def test_rows_that_bigquery_itself_fails_are_given_up_and_their_neighbours_written(
    stub: StubBigQuery, table: str
) -> None:
    busy = [{"index": 1, "errors": [{"reason": "backendError", "message": "busy"}]}]
    again = [{"index": 0, "errors": [{"reason": "backendError", "message": "busy"}]}]
    stub.script = [Answer(200, orjson.dumps({"insertErrors": each})) for each in (busy, again, again, again)]
    report = insert(table, 3)
    assert (unwritten(report), report.errors) == ([1], [])
    assert stub.sent() == {"id-0": 1, "id-1": 4, "id-2": 1}


@pytest.mark.parametrize("odd", [{"index": 7, "errors": [INVALID]}, {"errors": [INVALID]}], ids=["7", "none"])
def test_a_probe_whose_answer_names_no_row_of_it_is_not_the_last_one(
    odd: dict[str, object], stub: StubBigQuery, table: str
) -> None:
    open_circuit(stub, table).go_on(PAUSE_SECONDS)
    stub.script = [Answer(200, orjson.dumps({"insertErrors": [odd]}))]
    with pytest.raises(LookupError):
        insert(table, 1)
    report = insert(table, 1)
    assert ([news.state for news in report.news], report.unwritten) == (["resolved"], ())


def test_while_one_thread_probes_the_rows_of_others_are_given_up(stub: StubBigQuery, table: str) -> None:
    open_circuit(stub, table).go_on(PAUSE_SECONDS)
    asked, may_answer = threading.Event(), threading.Event()

    def answered_when_told(request: Request) -> Answer:
        asked.set()
        may_answer.wait(10)
        return Answer(200, b"{}")

    stub.rule = answered_when_told
    with ThreadPoolExecutor(1) as pool:
        probe = pool.submit(insert, table, 1)
        assert asked.wait(10)
        assert [unwritten(insert(table, 1)) for _ in range(3)] == [[0]] * 3
        may_answer.set()
        assert probe.result().unwritten == ()
    assert len(stub.requests) == 6


def test_who_waits_does_not_wait_longer_than_the_outage_has_lasted(
    stub: StubBigQuery, stub_client: bigquery.Client, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Chance makes the first waits short and the later ones as long as they may be.
    chances = itertools.chain([0.0] * 10, itertools.repeat(1.0))
    monkeypatch.setattr(random, "uniform", lambda low, high: low + (high - low) * next(chances))
    started = time.monotonic()
    stub.rule = lambda request: AWAY if time.monotonic() < started + 0.3 else None
    eager = QUICK._replace(base_backoff_seconds=0.02, max_backoff_seconds=60, max_retry_seconds=60)
    report = insert_rows(stub_client, table, rows(1), eager)
    assert report.retry_count > 10
    assert time.monotonic() - started < 3  # after ten doublings the eleventh wait would be one of 20 s
