"""Rows for a warehouse that the report is made from: two hours of a shop, as the pipeline writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud import bigquery

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
WINDOWS = 24
HOSTILE = "<script>alert(1)</script>"
"""A category that a shop may send."""


def at(window: float) -> str:
    """When window number `window` starts."""
    return (START + window * WINDOW).isoformat()


def span(window: int) -> dict[str, str]:
    return {"window_start": at(window), "window_end": at(window + 1)}


def orders(window: int) -> int:
    """100 orders a window and a little; five times as many in three of them."""
    return 500 if 10 <= window < 13 else 100 + window % 5


def order_metrics(window: int, **changes: Any) -> dict[str, Any]:
    count = orders(window)
    return {
        **span(window),
        "dimension": "all",
        "dimension_value": "all",
        "run_id": "r",
        "run_mode": "streaming",
        "pane_index": 0,
        "pane_timing": "on_time",
        "order_count": count,
        "item_count": count * 2,
        "revenue": count * 20.0,
        "average_order_value": 20.0,
        "unique_customers": count,
        "late_count": 0,
        "emitted_at": at(window + 1),
        **changes,
    }


def expectation(
    window: int, metric: str, value: float | None, usual: float, **changes: Any
) -> dict[str, Any]:
    """A judgement: too little history in the first four windows."""
    learning = window < 4
    verdict = "learning" if learning else "spike" if value and value > usual * 2 else "normal"
    return {
        **span(window),
        "metric": metric,
        "dimension": "all",
        "dimension_value": "all",
        "value": value,
        "expected": None if learning else usual,
        "expected_low": None if learning else usual * 0.8,
        "expected_high": None if learning else usual * 1.2,
        "score": None if learning else 0.1,
        "verdict": verdict,
        "run_id": "r",
        "emitted_at": at(window + 1),
        **changes,
    }


def alert(
    alert_id: str, state: str, window: int, opened: int, breaches: int, **changes: Any
) -> dict[str, Any]:
    return {
        "alert_id": alert_id,
        "kind": "spike",
        "state": state,
        "severity": "error",
        "metric": "order_count",
        "dimension": "all",
        "dimension_value": "all",
        **span(window),
        "value": 500.0,
        "expected_low": 80.0,
        "expected_high": 120.0,
        "score": 9.0,
        "summary": f"Orders {state}: 500; 80 to 120 were expected.",
        "run_id": "r",
        "emitted_at": at(window + 1),
        "opened_at": at(opened),
        "breaches": breaches,
        "query": "SELECT * FROM `local-shop.ecommerce_events.order_metrics_latest`",
        **changes,
    }


def ledger(window: int, event_type: str, received: int, rejected: int, **changes: Any) -> dict[str, Any]:
    return {
        **span(window),
        "event_type": event_type,
        "run_id": "r",
        "run_mode": "streaming",
        "pane_index": 0,
        "pane_timing": "on_time",
        "received": received,
        "accepted": received - rejected - 1,
        "duplicates": 1,
        "rejected": rejected,
        "validity_rate": 1 - rejected / received,
        "late": 0,
        "payload_bytes_p50": 300.0,
        "payload_bytes_p95": 400.0,
        "payload_bytes_p99": 500.0,
        "latency_ms_p50": 40.0 + window,
        "latency_ms_p95": 90.0 + window,
        "latency_ms_p99": 200.0 + window,
        "emitted_at": at(window + 1),
        **changes,
    }


def dead_letter(number: int, reason: str, message: str, path: str = "/status") -> dict[str, Any]:
    return {
        "dead_letter_id": f"{reason}-{number}",
        "stage": "parse",
        "reason": reason,
        "error_count": 1,
        "errors": [{"path": path, "rule": "enum", "message": message}],
        "event_type": "order",
        "message_id": f"m{number}",
        "publish_time": at(number % WINDOWS),
        "failed_at": at(number % WINDOWS),
        "pipeline_version": "1",
        "replay_count": 0,
        "fingerprint": "f",
        "attributes": [],
        "payload": "e30=",
        "payload_uri": None,
        "payload_bytes": 2,
    }


def two_hours() -> dict[str, list[dict[str, Any]]]:
    """Table -> rows: one alert that was resolved, one that is open on a hostile category, a broken ledger."""
    windows = range(WINDOWS)
    hostile = {
        "kind": "drop",
        "metric": "revenue",
        "severity": "critical",
        "dimension": "category",
        "dimension_value": HOSTILE,
        "summary": f"Revenue of {HOSTILE} fell to 5.00; 80.00 to 120.00 were expected.",
    }
    return {
        "order_metrics": [
            order_metrics(5, order_count=3, revenue=60.0),  # an early pane of the window below
            *(order_metrics(window, pane_index=1) for window in windows),
            *(order_metrics(window, order_count=1, revenue=20.0) for window in (-9, -7)),  # late orders
            order_metrics(0, dimension="category", dimension_value=HOSTILE),
        ],
        "metric_expectations": [
            *(expectation(window, "order_count", float(orders(window)), 101.0) for window in windows),
            *(expectation(window, "revenue", orders(window) * 20.0, 2020.0) for window in windows),
            *(expectation(window, "average_order_value", 20.0, 20.0) for window in windows),
            expectation(WINDOWS, "order_count", 0.0, 101.0, verdict="silence"),
        ],
        "alerts": [
            alert("spike-1", "open", 10, 10, 1),
            alert("spike-1", "ongoing", 11, 10, 2, severity="critical"),
            alert("spike-1", "ongoing", 12, 10, 3),
            alert("spike-1", "resolved", 15, 10, 3, severity="info"),
            alert("drop-1", "open", 20, 20, 1, **hostile),
            alert("drop-1", "ongoing", 21, 20, 2, **hostile),
            alert("drop-1", "ongoing", 21, 20, 2, **hostile),  # delivered twice
        ],
        "data_quality_metrics": [
            ledger(3, "order", 20, 0, latency_ms_p50=8e9),  # an early pane of one of those below
            *(ledger(window, "order", 110, 5, pane_index=1) for window in windows),
            *(ledger(window, "inventory", 50, 0) for window in windows),
            ledger(0, "user_activity", 40, 2, accepted=30),  # 7 messages whose end is not known
            ledger(0, "order", 10, 0, run_id="b", run_mode="backfill", latency_ms_p50=9e9),
        ],
        "dead_letters": [
            *(
                dead_letter(number, "invalid_value", f'status must not be "{HOSTILE}".')
                for number in range(7)
            ),
            *(
                dead_letter(number, "malformed_json", "The payload is not JSON.", path="")
                for number in range(3)
            ),
        ],
    }


def insert(client: bigquery.Client, rows: dict[str, list[dict[str, Any]]]) -> None:
    for table, of_it in rows.items():
        assert client.insert_rows_json(f"ecommerce_events.{table}", of_it) == []
