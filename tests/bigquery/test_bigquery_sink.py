"""The sink's transforms in real pipelines, writing over HTTP to the stub server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam
import google.auth
import orjson
import pytest
from apache_beam.io.gcp import bigquery_tools
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream as ScriptedStream
from apache_beam.testing.util import assert_that
from apache_beam.transforms.window import TimestampedValue
from google.auth.credentials import AnonymousCredentials
from msgspec.structs import replace

from pipeline.bigquery_client import table_id
from pipeline.bigquery_refusals import json_pointer
from pipeline.bigquery_rows import InsertSettings, Row
from pipeline.bigquery_sink import WriteEvents
from pipeline.bigquery_stock import WriteEventsStock, _SplitByOutcome
from pipeline.elements import DeadLetter, Event, RawMessage
from pipeline.errors import ContractError, UsageError
from pipeline.tables import Tables, WriteRows
from tests.bigquery.stub_server import StubBigQuery, error

DATASET = "local-shop:ecommerce_events"
TABLES = {"order": "orders", "inventory": "inventory_logs"}
QUICK = InsertSettings(max_retry_seconds=0.2, base_backoff_seconds=0.001, max_backoff_seconds=0.01)
INVALID = [{"reason": "invalid", "location": "items[0].quantity", "message": "Cannot convert value."}]
NOW_US = 1_790_000_000_000_000
RUNNERS = ["BundleBasedDirectRunner", "FnApiRunner"]


def clock() -> int:
    return NOW_US


def event(event_id: str, event_type: str = "order") -> Event:
    message = RawMessage(f"payload of {event_id}".encode(), {"event_id": event_id}, f"m-{event_id}", 7)
    columns = orjson.dumps({"order_id": f"o-{event_id}"})
    return Event(event_type, event_id, 1, columns, 5, 7, 9, False, message)


def flatten(chunks: Iterable[list[Any]]) -> list[Any]:
    return [element for chunk in chunks for element in chunk]


def is_exactly(expected: Iterable[Any]) -> Callable[[Any], None]:
    wanted = sorted(expected, key=repr)

    def check(chunks: Iterable[list[Any]]) -> None:
        assert sorted(flatten(chunks), key=repr) == wanted

    return check


def refusal(of: Event) -> DeadLetter:
    errors = (ContractError("/items/0/quantity", "invalid", "Cannot convert value."),)
    return DeadLetter(of.message, "bigquery", "refused_by_bigquery", errors, of.event_type, NOW_US)


@pytest.mark.parametrize("runner", RUNNERS)
def test_written_and_refused_hold_each_event_once(runner: str, stub: StubBigQuery) -> None:
    chunks = [
        [event("a"), event("b", "inventory"), event("bad"), event("c")],
        [event("d", "inventory"), event("bad too", "inventory")],
    ]
    stub.bad_rows = {"bad": INVALID, "bad too": INVALID}
    pipeline = beam.Pipeline(runner=runner)
    outputs = pipeline | beam.Create(chunks, reshuffle=False) | WriteEvents(DATASET, TABLES, QUICK, clock)
    good = [event("a"), event("b", "inventory"), event("c"), event("d", "inventory")]
    assert_that(outputs.written, is_exactly(good), label="CheckWritten")
    bad = [refusal(event("bad")), refusal(event("bad too", "inventory"))]
    assert_that(outputs.refused, is_exactly(bad), label="CheckRefused")
    result = pipeline.run()
    result.wait_until_finish()

    assert sorted(stub.stored) == [
        ("inventory_logs", "b"),
        ("inventory_logs", "d"),
        ("orders", "a"),
        ("orders", "c"),
    ]
    counters = {c.key.metric.name: c.committed for c in result.metrics().query()["counters"]}
    assert counters["bigquery_rows_written"] == 4
    assert counters["bigquery_rows_refused"] == 2
    named = MetricsFilter().with_name("bigquery_insert_ms")
    assert result.metrics().query(named)["distributions"][0].committed.count == 3


def test_repeated_bundle_sends_the_same_insert_ids(stub: StubBigQuery) -> None:
    # orders fails for good in the first attempt while inventory_logs is written.
    stub.rule = lambda request: error(503, "backendError") if len(stub.requests) < 4 else None
    pipeline = beam.Pipeline(runner="BundleBasedDirectRunner")
    outputs = (
        pipeline
        | beam.Create([[event("a"), event("b", "inventory")]], reshuffle=False)
        | WriteEvents(DATASET, TABLES, QUICK._replace(max_retry_seconds=0.0), clock)
    )
    assert_that(outputs.written, is_exactly([event("a"), event("b", "inventory")]))
    pipeline.run().wait_until_finish()
    assert set(stub.sent()) == {"a", "b"}
    assert set(stub.stored) == {("orders", "a"), ("inventory_logs", "b")}
    assert stub.sent()["a"] > 1


def test_outage_emits_nothing_and_fails_the_pipeline(stub: StubBigQuery) -> None:
    stub.rule = lambda request: error(503, "backendError")
    pipeline = beam.Pipeline(runner="FnApiRunner")
    _ = pipeline | beam.Create([[event("a")]]) | WriteEvents(DATASET, TABLES, QUICK, clock)
    with pytest.raises(Exception, match=r"has not taken the rows for local-shop\.ecommerce_events\.orders"):
        pipeline.run()
    assert stub.stored == []


@pytest.mark.parametrize("runner", RUNNERS)
def test_own_rows_come_out_once_they_are_written(runner: str, stub: StubBigQuery) -> None:
    rows = [Row("w1", b'{"n":1}'), Row("w2", b'{"n":2}')]
    tables = Tables(DATASET, "unused", QUICK)
    with beam.Pipeline(runner=runner) as pipeline:
        written = pipeline | beam.Create([rows], reshuffle=False) | WriteRows(tables, "alerts")
        assert_that(written.rows, is_exactly(rows))
    assert stub.stored == [("alerts", "w1"), ("alerts", "w2")]


def test_refused_own_row_fails_with_table_reason_and_location(stub: StubBigQuery) -> None:
    stub.bad_rows = {"w2": [{"reason": "invalid", "location": "n", "message": "no such field: n."}]}
    pipeline = beam.Pipeline(runner="FnApiRunner")
    rows = [Row("w1", b'{"n":1}'), Row("w2", b'{"n":2}')]
    _ = pipeline | beam.Create([rows]) | WriteRows(Tables(DATASET, "unused", QUICK), "alerts")
    message = (
        r"refused 1 of 2 rows for local-shop\.ecommerce_events\.alerts, "
        r"the first at n \(invalid: no such field: n\.\)"
    )
    with pytest.raises(Exception, match=message):
        pipeline.run()


@pytest.mark.parametrize(
    ("location", "pointer"),
    [
        ("", ""),
        ("step", "/step"),
        ("items[0].quantity", "/items/0/quantity"),
        ("shipping_address.country", "/shipping_address/country"),
        ("a.b[12][3].c", "/a/b/12/3/c"),
    ],
)
def test_location_becomes_a_json_pointer(location: str, pointer: str) -> None:
    assert json_pointer(location) == pointer


@pytest.mark.parametrize(
    ("dataset", "table"),
    [
        ("local-shop:ecommerce_events", "local-shop.ecommerce_events.orders"),
        ("local-shop.ecommerce_events", "local-shop.ecommerce_events.orders"),
        ("example.com:shop:events", "example.com:shop.events.orders"),
    ],
)
def test_dataset_has_either_form(dataset: str, table: str) -> None:
    assert table_id(dataset, "orders") == table


@pytest.mark.parametrize(
    "dataset", ["", "events", "shop:", ":events", "shop:events:x", "shop:ev-ents", "a/b:c"]
)
def test_malformed_dataset_is_a_usage_error(dataset: str) -> None:
    with pytest.raises(UsageError, match="not of the form project:dataset"):
        table_id(dataset, "orders")


@pytest.fixture
def stock_reaches_stub(monkeypatch: pytest.MonkeyPatch, stub: StubBigQuery) -> None:
    # The two places where Beam's client looks for Google's credentials; the requests themselves are real.
    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), "local-shop"))
    monkeypatch.setattr(bigquery_tools.BigQueryWrapper, "_bigquery_client", staticmethod(lambda _: None))


@pytest.mark.usefixtures("stock_reaches_stub")
def test_stock_splits_a_stream_into_written_and_refused(
    stub: StubBigQuery, caplog: pytest.LogCaptureFixture
) -> None:
    quoting = [{**INVALID[0], "message": "Cannot convert value.: canary"}]

    def spoil(request: Any) -> None:
        # Insert ids are stock's own, so the bad row is known by its content.
        for row in request.rows:
            if row["json"]["event_id"] == "bad":
                stub.bad_rows[row["insertId"]] = quoting

    stub.rule = spoil
    stream = (
        ScriptedStream()
        .advance_watermark_to(0)
        .add_elements([TimestampedValue([event("a"), event("bad"), event("b", "inventory")], 1)])
        .advance_watermark_to(30)
        .add_elements([TimestampedValue([event("c")], 31)])
        .advance_watermark_to_infinity()
    )
    with beam.Pipeline(runner="BundleBasedDirectRunner", options=PipelineOptions(streaming=True)) as pipeline:
        outputs = pipeline | stream | WriteEventsStock(DATASET, TABLES, clock)
        good = [event("a"), event("b", "inventory"), event("c")]
        assert_that(outputs.written, is_exactly(good), label="CheckWritten")
        assert_that(outputs.refused, is_exactly([refusal(event("bad"))]), label="CheckRefused")
    assert len(stub.stored) == 3
    assert "errors inserting to BigQuery" in caplog.text
    assert "canary" not in caplog.text


def test_stock_keeps_a_failure_that_comes_after_its_event_was_emitted() -> None:
    row = {"event_id": "late", "schema_version": 1, "order_id": "o-late"}
    outcome = ("order", {"handed": [], "failed": [(row, INVALID)]})
    (output,) = _SplitByOutcome(clock).process(outcome)
    (letter,) = output.value
    assert orjson.loads(letter.message.payload) == row
    assert letter == replace(refusal(event("late")), message=letter.message)


def test_stock_row_that_was_too_large_to_send_has_our_reason() -> None:
    outcome = ("order", {"handed": [[event("a"), event("big")]], "failed": [({"event_id": "big"}, "9.5MB")]})
    written, refused = _SplitByOutcome(clock).process(outcome)
    assert written == [event("a")]
    assert [(letter.reason, letter.message) for letter in refused.value] == [
        ("row_too_large", event("big").message)
    ]
