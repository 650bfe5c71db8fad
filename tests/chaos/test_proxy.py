"""The proxy's faults are the faults they say, and the figures of an outage are right."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import pytest
import requests
from google.pubsub_v1.types import PubsubMessage

from local.chaos.expected import Expected
from local.chaos.http_proxy import HttpProxy, always, lose_answer, never, refusal
from local.chaos.inserts import InsertJournal, for_inserts, refuse_rows
from local.chaos.pubsub_proxy import PubsubProxy
from local.chaos.recovery import NEVER, Times, rows_back_at, times
from pipeline.contract import load_contract
from tests.bigquery.stub_server import Answer, StubBigQuery
from tests.endtoend.events import event

INSERT = "/bigquery/v2/projects/p/datasets/d/tables/{}/insertAll"
BODY = orjson.dumps({"rows": [{"insertId": name, "json": {"event_id": name}} for name in "abc"]})


@pytest.fixture
def emulator() -> Iterator[StubBigQuery]:
    server = StubBigQuery()
    yield server
    server.close()


@pytest.fixture
def journal() -> InsertJournal:
    return InsertJournal()


@pytest.fixture
def proxy(emulator: StubBigQuery, journal: InsertJournal) -> Iterator[HttpProxy]:
    server = HttpProxy(emulator.url.removeprefix("http://"), journal.observe)
    yield server
    server.close()


def insert(proxy: HttpProxy, table: str = "orders", timeout: float = 5.0) -> requests.Response:
    return requests.post(proxy.url + INSERT.format(table), data=BODY, timeout=timeout)


def test_without_a_fault_everything_passes_and_is_written_down(
    proxy: HttpProxy, emulator: StubBigQuery, journal: InsertJournal
) -> None:
    assert insert(proxy).status_code == 200
    assert emulator.stored == [("orders", name) for name in "abc"]
    assert set(journal.written_at()) == {("orders", name) for name in "abc"}
    assert proxy.faults == 0


def test_a_refused_request_does_not_reach_the_emulator(
    proxy: HttpProxy, emulator: StubBigQuery, journal: InsertJournal
) -> None:
    with proxy.fault(for_inserts(always(refusal(403, "quotaExceeded")), lambda table: table == "orders")):
        refused = insert(proxy)
        assert insert(proxy, "user_activity").status_code == 200
    assert (refused.status_code, refused.json()["error"]["errors"][0]["reason"]) == (403, "quotaExceeded")
    assert {table for table, _ in emulator.stored} == {"user_activity"}
    assert {table for table, _ in journal.written_at()} == {"user_activity"}
    assert proxy.faults == 1
    assert insert(proxy).status_code == 200


def test_a_lost_answer_leaves_the_rows_written(
    proxy: HttpProxy, emulator: StubBigQuery, journal: InsertJournal
) -> None:
    with proxy.fault(for_inserts(lose_answer)), pytest.raises(requests.ConnectionError):
        insert(proxy)
    assert len(emulator.stored) == len(journal.written_at()) == 3


def test_a_silent_server_says_nothing_until_the_fault_is_over(
    proxy: HttpProxy, emulator: StubBigQuery
) -> None:
    over = threading.Event()
    with proxy.fault(for_inserts(never(over))):
        with pytest.raises(requests.ReadTimeout):
            insert(proxy, timeout=0.3)
        threading.Timer(0.3, over.set).start()
        with pytest.raises(requests.ConnectionError, match="Remote end closed"):
            insert(proxy)
    assert emulator.stored == []


def test_bad_rows_are_refused_and_their_neighbours_written(
    proxy: HttpProxy, emulator: StubBigQuery, journal: InsertJournal
) -> None:
    emulator.rule = lambda request: Answer(
        200, b'{"insertErrors": []}'
    )  # as bqemulator says that all is well
    with proxy.fault(for_inserts(refuse_rows(lambda insert_id: insert_id == "b"))):
        answer = insert(proxy).json()
    assert [(entry["index"], entry["errors"][0]["reason"]) for entry in answer["insertErrors"]] == [
        (1, "invalid")
    ]
    assert [request.insert_ids for request in emulator.requests] == [["a", "c"]]
    assert set(journal.written_at()) == {("orders", "a"), ("orders", "c")}


def test_a_fault_that_meets_no_request_is_not_counted(proxy: HttpProxy) -> None:
    with proxy.fault(for_inserts(refuse_rows(lambda insert_id: insert_id == "z"))):
        insert(proxy)
        requests.get(proxy.url + "/bigquery/v2/projects/p/datasets", timeout=5)
    assert proxy.faults == 0


def test_an_emulator_that_is_not_there_is_a_fault(proxy: HttpProxy, emulator: StubBigQuery) -> None:
    emulator.close()
    with pytest.raises(requests.ConnectionError):
        insert(proxy)
    assert proxy.faults == 1


def test_a_proxy_that_is_cut_takes_no_connection_until_it_is_opened() -> None:
    proxy = PubsubProxy("127.0.0.1:1", "projects/p/subscriptions/s")
    try:
        address = proxy.address
        assert proxy.listens()
        proxy.cut()
        assert not proxy.listens()
        proxy.open()
        assert proxy.listens()
        assert proxy.address == address
    finally:
        proxy.close()


def published(message_id: str, event_id: str, at: float, payload: bytes | None = None) -> PubsubMessage:
    moment = datetime.fromtimestamp(at, UTC)
    good = orjson.dumps(event("order", order_date=moment.isoformat()))
    return PubsubMessage(
        data=good if payload is None else payload,
        attributes={"event_type": "order", "event_id": event_id},
        message_id=message_id,
        publish_time=moment,
    )


def test_each_message_belongs_where_the_contract_says() -> None:
    expected = Expected(load_contract(), lambda event_id: event_id == "refused")
    expected.add(
        [
            published("1", "a", 1_000),
            published("2", "a", 1_001),
            published("3", "refused", 1_002),
            published("4", "bad", 1_003, b"not JSON"),
        ]
    )
    assert expected.events == {("order", "a"): ["1", "2"]}
    assert expected.refused == {("order", "refused"): ["3"]}
    assert expected.rejected == {"4": b"not JSON"}
    assert [expected.row_of(message_id) for message_id in "1234"] == [
        ("orders", "a"),
        None,
        None,
        ("dead_letters", "4"),
    ]


def test_recovery_is_what_was_published_during_the_outage_and_came_last() -> None:
    expected = Expected(load_contract(), lambda event_id: False)
    expected.add(published(str(at), f"e{at}", 1_000 + at) for at in (5, 15, 25))
    written_at = {("orders", "e5"): 1_029.0, ("orders", "e15"): 1_023.0, ("orders", "e25"): 1_040.0}
    back_at = rows_back_at(expected, written_at)
    assert times((1_010.0, 1_020.0), expected, back_at, 0.0) == Times(10.0, 3.0, 9.0)
    assert times((1_010.0, 1_020.0), expected, back_at, 6.0) == Times(10.0, 20.0, 9.0)


def test_an_outage_from_which_nothing_returned_has_no_end() -> None:
    expected = Expected(load_contract(), lambda event_id: False)
    expected.add(published(str(at), f"e{at}", 1_000 + at) for at in (5, 15))
    back_at = rows_back_at(expected, {("orders", "e5"): 1_006.0})
    assert times((1_010.0, 1_020.0), expected, back_at, 0.0) == Times(10.0, NEVER, NEVER)
    # Nothing was published during this one.
    assert times((1_001.0, 1_002.0), expected, back_at, 0.0) == Times(1.0, None, None)
