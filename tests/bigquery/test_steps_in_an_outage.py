"""What the steps do with rows that BigQuery does not take: letters, files, alerts, counts."""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import orjson
import pytest
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.testing.util import assert_that

from pipeline.bigquery_faults import BigQueryUnavailable
from pipeline.bigquery_rows import Row
from pipeline.bigquery_sink import WriteEvents
from pipeline.checksums import FileToLoad
from pipeline.files import InputFile
from pipeline.loads import Loads
from pipeline.rows import Run
from pipeline.tables import Tables
from pipeline.transforms import alerting
from pipeline.transforms.alerting import AlertSettings, SendAlerts
from pipeline.transforms.dead_letters import DeadLetterSettings, KeepDeadLetters
from pipeline.transforms.loads import _Record
from tests.anomalies.test_alert_query import alert
from tests.bigquery.sample_rows import INVALID
from tests.bigquery.stub_server import Answer, Request, StubBigQuery
from tests.bigquery.test_bigquery_sink import NOW_US, clock, event, flatten
from tests.bigquery.test_giving_up import AWAY, IMPATIENT, NEVER_AGAIN, insert, unwritten
from tests.transforms.builders import dead_letter


def test_events_of_a_table_that_is_away_are_dead_letters_and_the_others_are_written(
    stub: StubBigQuery, dataset: str
) -> None:
    def orders_are_away(request: Request) -> Answer | None:
        return AWAY if request.table == "orders" and "bad" not in request.insert_ids else None

    stub.rule = orders_are_away
    stub.bad_rows = {"stock-bad": [INVALID]}
    chunk = [event("a"), event("b", "inventory"), event("stock-bad", "inventory"), event("c")]
    settings = NEVER_AGAIN._replace(max_batch_rows=1)
    tables = {"order": "orders", "inventory": "inventory_logs"}
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        outputs = (
            pipeline
            | beam.Create([chunk], reshuffle=False)
            | WriteEvents(dataset.replace(".", ":"), tables, settings, clock)
        )
        assert_that(outputs.written, _events_are(["b"]), label="CheckWritten")
        assert_that(outputs.refused, _letters_are(chunk), label="CheckRefused")
        assert_that(outputs.outages, _alerts_are([("orders", "open")]), label="CheckOutages")


def _events_are(expected: list[str]):
    def check(chunks):
        assert [each.event_id for each in flatten(chunks)] == expected

    return check


def _letters_are(chunk):
    def check(chunks):
        letters = {each.message.attributes["event_id"]: each for each in flatten(chunks)}
        assert {name: (each.stage, each.reason) for name, each in letters.items()} == {
            "a": ("bigquery_unavailable", "bigquery_unavailable"),
            "c": ("bigquery_unavailable", "bigquery_unavailable"),
            "stock-bad": ("bigquery", "refused_by_bigquery"),
        }
        assert letters["a"].message == chunk[0].message
        assert (len(letters["a"].errors), letters["a"].failed_at_us) == (1, NOW_US)

    return check


def _alerts_are(expected: list[tuple[str, str]]):
    def check(chunks):
        assert [(each.dimension_value, each.state) for each in flatten(chunks)] == expected

    return check


def test_own_rows_go_to_a_file_that_bigquery_can_load(
    stub: StubBigQuery, dataset: str, tmp_path: Path
) -> None:
    stub.rule = lambda request: AWAY if "a" in request.insert_ids else None
    tables = Tables(dataset.replace(".", ":"), str(tmp_path), IMPATIENT._replace(max_batch_rows=1))
    report = tables.write("order_metrics", [Row("a", b'{"n":1}'), Row("b", b'{"n":2}')])
    assert unwritten(report) == [0]
    assert stub.stored == [("order_metrics", "b")]
    (path,) = (tmp_path / "tables" / "order_metrics").iterdir()
    assert path.read_bytes() == b'{"n":1}\n'


def test_a_load_is_never_recorded_in_a_file_where_the_next_run_would_not_find_it(
    stub: StubBigQuery, dataset: str, tmp_path: Path
) -> None:
    stub.rule = lambda request: AWAY
    tables = Tables(dataset.replace(".", ":"), str(tmp_path), NEVER_AGAIN._replace(max_retry_seconds=0.0))
    files = (FileToLoad(InputFile("a.jsonl", 1), "0" * 32),)
    with pytest.raises(BigQueryUnavailable, match="_load_metadata"):
        list(_Record(Loads(files, "r", tables)).process(files, {}, []))
    assert not (tmp_path / "tables").exists()


def test_of_its_own_table_s_outage_the_sending_step_tells(
    stub: StubBigQuery, dataset: str, tmp_path: Path
) -> None:
    stub.rule = lambda request: AWAY
    tables = Tables(dataset.replace(".", ":"), str(tmp_path), NEVER_AGAIN)
    insert(f"{dataset}.alerts", 1, NEVER_AGAIN)
    send = alerting._Send(AlertSettings(tables, None, Run("r", "streaming")))
    (told,) = send.process([alert("order_count", "all", "all")])
    assert [(each.kind, each.dimension_value) for each in told] == [
        ("drop", "all"),
        ("sink_outage", "alerts"),
    ]
    lines = [
        orjson.loads(line)
        for path in (tmp_path / "tables" / "alerts").iterdir()
        for line in path.read_bytes().splitlines()
    ]
    assert sorted(line["kind"] for line in lines) == ["drop", "sink_outage"]
    assert "breaches" not in next(line for line in lines if line["kind"] == "sink_outage")


def test_rows_that_are_given_up_are_counted_by_the_steps_that_keep_letters_and_send_alerts(
    stub: StubBigQuery, dataset: str, tmp_path: Path
) -> None:
    stub.rule = lambda request: AWAY if request.table == "alerts" else None
    stub.script = [AWAY] * 4
    tables = Tables(dataset.replace(".", ":"), str(tmp_path), IMPATIENT)
    pipeline = beam.Pipeline(runner="FnApiRunner")
    letters = pipeline | "Letters" >> beam.Create(
        [[dead_letter(), dead_letter(message_id="m2")]], reshuffle=False
    )
    kept = KeepDeadLetters(DeadLetterSettings(tables, None)).expand({"Parse": letters})
    alerts = kept.letters["Parse"] | beam.Map(lambda _: [alert("order_count", "all", "all")])
    alerts | SendAlerts(AlertSettings(tables, None, Run("r", "streaming")))
    counters = (
        pipeline.run().metrics().query(MetricsFilter().with_name("bigquery_rows_unwritten"))["counters"]
    )
    assert sorted(each.committed for each in counters) == [1, 2]
