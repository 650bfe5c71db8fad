"""The graph, read from top to bottom like the picture in the README."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows

from pipeline.anomalies.settings import AnomalySettings
from pipeline.bigquery_sink import WriteEvents, WriteOutputs
from pipeline.bigquery_stock import WriteEventsStock
from pipeline.chunks import Chunk, GatherChunks, nothing
from pipeline.clock import now_us
from pipeline.rows import Run
from pipeline.source import DeduplicateSettings, Source
from pipeline.tables import RowOutputs, Tables, WriteRows
from pipeline.transforms.alerting import AlertSettings, SendAlerts
from pipeline.transforms.anomalies import DetectAnomalies, Metrics
from pipeline.transforms.dead_letters import DeadLetterSettings, KeepDeadLetters
from pipeline.transforms.expectations import ToExpectationRows
from pipeline.transforms.finishing import MessageIds
from pipeline.transforms.lake import LakeSettings, WriteLake
from pipeline.transforms.loads import LoadOutcomes
from pipeline.transforms.order_metrics import SummarizeOrders, SummarizeSettings, ToMetricRows
from pipeline.transforms.parsing import ParseMessages, ParseSettings
from pipeline.transforms.quality import LedgerSettings, MeasureQuality, Outcomes, ToLedgerRows
from pipeline.transforms.stock import SummarizeStock


class GraphSettings(NamedTuple):
    """Everything the graph must know; made from the flags by pipeline.options."""

    run: Run
    tables: Tables
    table_names: Mapping[str, str]
    """Table of each event type."""
    bigquery_write: str
    deduplicate: DeduplicateSettings
    parse: ParseSettings
    dead_letters: DeadLetterSettings
    lake: LakeSettings
    summarize: SummarizeSettings
    ledger: LedgerSettings
    anomalies: AnomalySettings
    alerts: AlertSettings

    @property
    def longest_timer_seconds(self) -> int:
        """The longest that a trigger waits in processing time."""
        panes = (self.summarize.pane_seconds, self.ledger.pane_seconds, self.lake.pane_seconds)
        return max(seconds or 0 for seconds in panes)


def build_graph(pipeline: beam.Pipeline, source: Source, settings: GraphSettings) -> None:
    """Add the whole graph to `pipeline`."""
    messages = pipeline | "ReadMessages" >> source.read()  # [RawMessage]
    parsed = messages | "ParseMessages" >> ParseMessages(settings.parse)  # [Event], [DeadLetter]
    unique = parsed.events | "Deduplicate" >> source.deduplicate(settings.deduplicate)  # [Event], [Event]

    tables = unique.events | "WriteEvents" >> _write_events(settings)  # [Event], [DeadLetter], [Alert]
    refused = {"Parse": parsed.dead_letters, "BigQuery": tables.refused}
    kept = refused | "KeepDeadLetters" >> KeepDeadLetters(
        settings.dead_letters
    )  # [DeadLetter] of each, [Alert]
    in_lake = tables.written | "WriteLake" >> WriteLake(settings.lake)  # [message_id]

    orders = tables.written | "SummarizeOrders" >> SummarizeOrders(settings.summarize)  # Revision
    outcomes = Outcomes(tables.written, unique.duplicates, kept.letters)
    ledger = outcomes | "MeasureQuality" >> MeasureQuality(settings.ledger)  # Revision
    stock = tables.written | "SummarizeStock" >> SummarizeStock(settings.summarize)  # Revision
    judged = Metrics(orders.windows, ledger, stock)
    found = judged | "DetectAnomalies" >> DetectAnomalies(settings.anomalies)  # [Alert], [Expectation]
    metrics = (
        _write_rows(orders.windows, "order_metrics", ToMetricRows(settings.run), settings),
        _write_rows(orders.hours, "hourly_metrics", ToMetricRows(settings.run), settings),
        _write_rows(ledger, "data_quality_metrics", ToLedgerRows(settings.run), settings),
        _write_rows(found.expectations, "metric_expectations", ToExpectationRows(settings.run), settings),
    )  # [Row], [Alert] of each
    outages = (tables.outages, kept.outages, *(each.outages for each in metrics))  # [Alert] of each
    alerts = (found.alerts, *outages) | "AllAlerts" >> beam.Flatten()  # [Alert]
    sent = alerts | "SendAlerts" >> SendAlerts(settings.alerts)  # [Alert]

    tables.written | "ObserveWritten" >> source.observe_written()
    finished = [in_lake, unique.duplicates | "DuplicateIds" >> MessageIds()]  # [message_id] of each
    finished += [letters | f"{stage}RefusedIds" >> MessageIds() for stage, letters in kept.letters.items()]
    finished | "AllFinished" >> beam.Flatten() | "Acknowledge" >> source.acknowledge()
    rows = (each.rows for each in metrics)
    loaded = LoadOutcomes(tables.written, unique.duplicates, kept.letters, (in_lake, *rows, sent))
    loaded | "RecordLoads" >> source.record_loads()


def _write_events(settings: GraphSettings) -> beam.PTransform:
    tables = settings.tables
    if tables.dataset is None:
        return KeepInLake()
    if settings.bigquery_write == "stock":
        return WriteEventsStock(tables.dataset, settings.table_names, now_us)
    return WriteEvents(tables.dataset, settings.table_names, tables.insert, now_us)


def _write_rows(
    revisions: beam.PCollection, table: str, to_rows: beam.PTransform, settings: GraphSettings
) -> RowOutputs:
    camel = "".join(word.capitalize() for word in table.split("_"))
    rows = revisions | f"To{camel}Rows" >> to_rows
    written: RowOutputs = rows | f"Write{camel}" >> WriteGatheredRows(settings.tables, table)
    return written


class KeepInLake(beam.PTransform):
    """Without a warehouse events are in the lake only. Input: list[Event]. Output: WriteOutputs."""

    def expand(self, events: beam.PCollection) -> WriteOutputs:
        refused = events | "RefuseNone" >> beam.FlatMap(nothing).with_output_types(Chunk)
        outages = events | "TellNoOutages" >> beam.FlatMap(nothing).with_output_types(Chunk)
        return WriteOutputs(events, refused, outages)


class WriteGatheredRows(beam.PTransform):
    """Write the rows of a bundle together. Input: list[Row], in any windows. Output: RowOutputs."""

    def __init__(self, tables: Tables, table: str) -> None:
        super().__init__()
        self.tables = tables
        self.table = table

    def expand(self, rows: beam.PCollection) -> RowOutputs:
        written: RowOutputs = (
            rows
            | "InOneWindow" >> beam.WindowInto(GlobalWindows())
            | "GatherChunks" >> GatherChunks()
            | "WriteRows" >> WriteRows(self.tables, self.table)
        )
        return written
