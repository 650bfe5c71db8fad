"""An alert: what was found in which window, in the columns of the table `alerts`."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from pipeline.bigquery_rows import Row
from pipeline.publishing import OutgoingMessage
from pipeline.rfc3339 import format_rfc3339
from pipeline.rows import content_id, row_of, time_column
from pipeline.sql_text import sql_string

SEVERITIES = ("info", "warning", "error", "critical")
"""From the least to the most severe."""
SINGLE_FINDINGS = frozenset({"unusual_order", "wrong_way"})
"""Kinds that are about single events: a row of windows says nothing of them, so nobody waits for one."""
SINK_OUTAGE = "sink_outage"
"""The kind about a table that takes no rows. No windows are counted: people are told at once."""
_QUERIED_WINDOWS = 24
"""Windows before and after the alert's that its query shows."""


class Alert(NamedTuple):
    """One state of one alert, as of one window."""

    kind: str
    """See README.md, Alerts."""
    severity: str
    metric: str
    dimension: str
    dimension_value: str
    opened_at_us: int
    """Start of the window in which it opened."""
    window_start_us: int
    window_end_us: int
    value: float
    expected_low: float | None
    expected_high: float | None
    score: float | None
    breaches: int
    """Windows in a row in breach, this one included; of a resolved alert the longest row."""
    summary: str
    state: str = "open"

    @property
    def alert_id(self) -> str:
        """The same for the same finding, in all of its states and whichever run makes it."""
        return content_id((self.kind, self.metric, self.dimension, self.dimension_value, self.opened_at_us))


def alert_query(alert: Alert, dataset: str | None) -> str | None:
    """A SQL statement that shows the windows around the alert's; None without a warehouse.

    `dataset` as PROJECT:DATASET. What a producer wrote is quoted, so that it stays a text.
    """
    if dataset is None:
        return None
    length_us = alert.window_end_us - alert.window_start_us
    since, until = (
        time_column(at_us)
        for at_us in (
            alert.opened_at_us - _QUERIED_WINDOWS * length_us,
            alert.window_end_us + _QUERIED_WINDOWS * length_us,
        )
    )
    table, conditions = _table_of(alert)
    within = f"window_start >= TIMESTAMP '{since}' AND window_start < TIMESTAMP '{until}'"
    place = f"{dataset.replace(':', '.')}.{table}"
    return f"SELECT * FROM `{place}` WHERE {' AND '.join([within, *conditions])} ORDER BY window_start"


def _table_of(alert: Alert) -> tuple[str, list[str]]:
    value = sql_string(alert.dimension_value)
    if alert.metric in ("validity_rate", "latency_ms_p95"):
        return "data_quality_metrics_latest", (
            [f"event_type = {value}"] if alert.dimension == "event_type" else []
        )
    if alert.dimension in ("warehouse", "table"):
        return "alerts_deduplicated", [f"dimension = '{alert.dimension}' AND dimension_value = {value}"]
    dimension = sql_string(alert.dimension)
    return "order_metrics_latest", [f"dimension = {dimension} AND dimension_value = {value}"]


def alert_columns(
    alert: Alert, run_id: str, emitted_at_us: int, dataset: str | None = None
) -> dict[str, Any]:
    """The columns of `alerts`, those without a value left out."""
    columns = {
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "state": alert.state,
        "severity": alert.severity,
        "metric": alert.metric,
        "dimension": alert.dimension,
        "dimension_value": alert.dimension_value,
        "window_start": time_column(alert.window_start_us),
        "window_end": time_column(alert.window_end_us),
        "value": alert.value,
        "expected_low": alert.expected_low,
        "expected_high": alert.expected_high,
        "score": alert.score,
        "summary": alert.summary,
        "run_id": run_id,
        "emitted_at": format_rfc3339(emitted_at_us),
        "opened_at": time_column(alert.opened_at_us),
        "breaches": None if alert.kind in (*SINGLE_FINDINGS, SINK_OUTAGE) else alert.breaches,
        "query": alert_query(alert, dataset),
    }
    return {name: value for name, value in columns.items() if value is not None}


def alert_row(alert: Alert, run_id: str, emitted_at_us: int, dataset: str | None = None) -> Row:
    """The row of `alerts`."""
    columns = alert_columns(alert, run_id, emitted_at_us, dataset)
    return row_of(columns, key=(alert.alert_id, alert.state, alert.window_start_us))


def alert_message(
    alert: Alert, run_id: str, emitted_at_us: int, dataset: str | None = None
) -> OutgoingMessage:
    """The message for the alerts topic: the columns as a JSON object."""
    return OutgoingMessage(
        orjson.dumps(alert_columns(alert, run_id, emitted_at_us, dataset)),
        {"alert_id": alert.alert_id, "kind": alert.kind, "severity": alert.severity, "state": alert.state},
    )
