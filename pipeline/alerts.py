"""An alert: what was found in which window, in the columns of the table `alerts`."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from pipeline.bigquery_rows import Row
from pipeline.publishing import OutgoingMessage
from pipeline.rfc3339 import MAX_US, format_rfc3339
from pipeline.rows import content_id, row_of


class Alert(NamedTuple):
    """One finding."""

    kind: str
    """`spike`, `drop` or `low_validity`."""
    severity: str
    metric: str
    dimension: str
    dimension_value: str
    window_start_us: int
    window_end_us: int
    value: float
    expected_low: float | None
    expected_high: float | None
    score: float | None
    summary: str
    state: str = "open"

    @property
    def alert_id(self) -> str:
        """The same for the same finding, whichever run makes it."""
        return content_id(
            (
                self.kind,
                self.metric,
                self.dimension,
                self.dimension_value,
                self.window_start_us,
                self.window_end_us,
            )
        )


def alert_columns(alert: Alert, run_id: str, emitted_at_us: int) -> dict[str, Any]:
    """The columns of `alerts`, those without a value left out."""
    columns = {
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "state": alert.state,
        "severity": alert.severity,
        "metric": alert.metric,
        "dimension": alert.dimension,
        "dimension_value": alert.dimension_value,
        "window_start": format_rfc3339(alert.window_start_us),
        "window_end": format_rfc3339(min(MAX_US, alert.window_end_us)),
        "value": alert.value,
        "expected_low": alert.expected_low,
        "expected_high": alert.expected_high,
        "score": alert.score,
        "summary": alert.summary,
        "run_id": run_id,
        "emitted_at": format_rfc3339(emitted_at_us),
    }
    return {name: value for name, value in columns.items() if value is not None}


def alert_row(alert: Alert, run_id: str, emitted_at_us: int) -> Row:
    """The row of `alerts`."""
    return row_of(alert_columns(alert, run_id, emitted_at_us), key=(alert.alert_id, alert.state))


def alert_message(alert: Alert, run_id: str, emitted_at_us: int) -> OutgoingMessage:
    """The message for the alerts topic: the columns as a JSON object."""
    return OutgoingMessage(
        orjson.dumps(alert_columns(alert, run_id, emitted_at_us)),
        {"alert_id": alert.alert_id, "kind": alert.kind, "severity": alert.severity, "state": alert.state},
    )
