"""From what a table's circuit has to tell to the alert that tells people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam

from pipeline.alerts import SINK_OUTAGE, Alert
from pipeline.bigquery_rows import InsertReport
from pipeline.sink_circuit import OutageNews

OUTAGES = "outages"
"""Tag of the output by which a step that writes tells of outages, as list[Alert]."""


def outage_alerts(reports: Iterable[InsertReport]) -> list[Alert]:
    """The alerts about what the tables' circuits have to tell."""
    return [outage_alert(news) for report in reports for news in report.news]


def tell_outages(*reports: InsertReport) -> Iterator[beam.pvalue.TaggedOutput]:
    """The same as a step's output, if there is anything to tell."""
    alerts = outage_alerts(reports)
    if alerts:
        yield beam.pvalue.TaggedOutput(OUTAGES, alerts)


def outage_alert(news: OutageNews) -> Alert:
    """The alert.

    Its windows are as long as a circuit stays open. So workers whose circuits open together tell of one
    alert, and two outages of a table are never one.
    """
    opened_at_us, window_start_us = (
        at_us - at_us % news.period_us for at_us in (news.opened_at_us, news.at_us)
    )
    return Alert(
        kind=SINK_OUTAGE,
        severity="critical",
        metric="failed_requests",
        dimension="table",
        dimension_value=news.table.rpartition(".")[2],
        opened_at_us=opened_at_us,
        window_start_us=window_start_us,
        window_end_us=window_start_us + news.period_us,
        value=float(news.failures),
        expected_low=None,
        expected_high=0.0,
        score=None,
        breaches=1,
        summary=_summary(news),
        state=news.state,
    )


def _summary(news: OutageNews) -> str:
    table = news.table.rpartition(".")[2]
    if news.state == "resolved":
        seconds = (news.at_us - news.opened_at_us) / 1_000_000
        return (
            f"BigQuery takes rows for {table} again, after {seconds:,.0f} s. Replay the dead letters of "
            "reason bigquery_unavailable, and load the files under tables/."
        )
    still = "still " if news.state == "ongoing" else ""
    return (
        f"BigQuery {still}takes no rows for {table}: {news.failures:,} requests in a row failed, the last "
        f"one with {news.fault.rstrip('.')}. Until it does, events become dead letters and other rows files "
        "under tables/ in the lake."
    )
