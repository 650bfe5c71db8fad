"""Asks the warehouse for what the page tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from local.answer import Answer
from local.report.findings import METRICS, AlertLife, Findings, Latency, LedgerRow, Point, Reason

MOST_WINDOWS = 500
MOST_ALERTS = 100

Ask = Callable[[str], Answer]
"""Answers one SQL question."""


class Between(NamedTuple):
    """The time the page is about; None leaves an end open."""

    since: datetime | None = None
    """Inclusive."""
    until: datetime | None = None
    """Exclusive."""

    def holds(self, column: str) -> str:
        """The SQL condition that `column` lies in this time."""
        ends = [
            f"{column} {sign} TIMESTAMP '{moment.isoformat()}'"
            for sign, moment in ((">=", self.since), ("<", self.until))
            if moment is not None
        ]
        return " AND ".join(ends) or "TRUE"

    def overlaps(self, start: str, end: str) -> str:
        """The SQL condition that the time from `start` to `end` (NULL: it goes on) overlaps this one."""
        ends = []
        if self.since is not None:
            ends.append(f"({end} IS NULL OR {end} > TIMESTAMP '{self.since.isoformat()}')")
        if self.until is not None:
            ends.append(f"{start} < TIMESTAMP '{self.until.isoformat()}'")
        return " AND ".join(ends) or "TRUE"


def collect_findings(
    ask: Ask, between: Between, most_windows: int = MOST_WINDOWS, most_alerts: int = MOST_ALERTS
) -> Findings:
    """Ask everything; the newest windows and alerts if there are more than the page shows.

    Windows from before the first message was received hold nothing but late orders. They are left out, unless
    `between` begins somewhere: an hour of them would press a minute's run to the edge of its charts.

    Raises: QueryError if a table is missing, as in a warehouse of an older version.
    """
    within = between.holds("window_start")
    begun, windows_before = between.since, 0
    if begun is None:
        ((begun, windows_before),) = ask(_BEFORE.format(within=within)).rows
    received = Between(begun, between.until).holds("window_start")
    windows, first_shown = _extent(ask, _WINDOW_STARTS.format(within=received), most_windows)
    judged_windows, first_judged = _extent(ask, _LATENCY_STARTS.format(within=within), most_windows)
    shown = Between(first_shown, between.until).holds("window_start")
    timed = Between(first_judged, between.until).holds("window_start")
    alerts, alerts_in_all = alert_lives(ask, between, most_alerts)
    return Findings(
        metrics=merge_points(
            _ask_for_rows(ask, _MEASURED.format(within=shown)) if windows else [],
            _ask_for_rows(ask, _JUDGED.format(within=shown)) if windows else [],
        ),
        windows_in_all=windows,
        windows_before=windows_before,
        alerts=alerts,
        alerts_in_all=alerts_in_all,
        reasons=[
            Reason(**row) for row in _ask_for_rows(ask, _REASONS.format(within=between.holds("failed_at")))
        ],
        ledger=[LedgerRow(**row) for row in _ask_for_rows(ask, _LEDGER.format(within=within))],
        latency=[Latency(**row) for row in _ask_for_rows(ask, _LATENCY.format(within=timed))]
        if judged_windows
        else [],
        latency_windows_in_all=judged_windows,
    )


def alert_lives(ask: Ask, between: Between, most: int = MOST_ALERTS) -> tuple[list[AlertLife], int]:
    """(the open alerts, then the newest, at most so many; how many there are)."""
    within = between.overlaps("opened_at", "resolved_at")
    rows = _ask_for_rows(ask, _ALERTS.format(within=within, most=most))
    in_all = [row.pop("in_all") for row in rows]
    return [AlertLife(**row) for row in rows], in_all[0] if rows else 0


def merge_points(
    measured: Iterable[Mapping[str, Any]], judged: Iterable[Mapping[str, Any]]
) -> dict[str, Sequence[Point]]:
    """Put together what the windows hold now and what was expected of them when they were judged.

    A window without orders is in `judged` alone, one that was never judged in `measured` alone. Where both
    know a value, `measured` wins: late orders are in it.
    """
    points: dict[str, dict[tuple[datetime, datetime], Point]] = {metric: {} for metric in METRICS}
    for row in judged:
        window = (row["window_start"], row["window_end"])
        points[row["metric"]][window] = Point(
            *window,
            row["value"],
            row["expected"],
            row["expected_low"],
            row["expected_high"],
            row["verdict"],
        )
    for row in measured:
        window = (row["window_start"], row["window_end"])
        for metric in METRICS:
            judgement = points[metric].get(window, Point(*window, None))
            points[metric][window] = judgement._replace(value=row[metric])
    return {metric: [of[window] for window in sorted(of)] for metric, of in points.items()}


def _ask_for_rows(ask: Ask, question: str) -> list[dict[str, Any]]:
    columns, rows = ask(question)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _extent(ask: Ask, starts: str, most: int) -> tuple[int, datetime | None]:
    """(how many windows there are, the start of the first one of the newest `most`)."""
    ((windows, first_shown),) = ask(_EXTENT.format(starts=starts, most=most)).rows
    return windows, first_shown


_EXTENT = """
    SELECT COUNT(*) AS windows, MIN(IF(newest <= {most}, window_start, NULL)) AS first_shown
    FROM (SELECT window_start, ROW_NUMBER() OVER (ORDER BY window_start DESC) AS newest FROM ({starts}))
"""
_BEFORE = """
    SELECT begun, COUNTIF(window_start < begun) AS windows_before
    FROM (SELECT MIN(window_start) AS begun FROM data_quality_metrics WHERE {within})
    LEFT JOIN (SELECT DISTINCT window_start FROM order_metrics WHERE dimension = 'all' AND {within}) ON TRUE
    GROUP BY begun
"""
_WINDOW_STARTS = """
    SELECT window_start FROM order_metrics_latest WHERE dimension = 'all' AND {within}
    UNION DISTINCT
    SELECT window_start FROM metric_expectations_latest WHERE dimension = 'all' AND {within}
"""
_MEASURED = """
    SELECT window_start, window_end, order_count, revenue, average_order_value
    FROM order_metrics_latest WHERE dimension = 'all' AND {within}
"""
_JUDGED = """
    SELECT window_start, window_end, metric, value, expected, expected_low, expected_high, verdict
    FROM metric_expectations_latest
    WHERE dimension = 'all' AND metric IN ('order_count', 'revenue', 'average_order_value') AND {within}
"""
_ALERTS = """
    WITH records AS (
        SELECT *, state = 'resolved' AS is_resolved,
            CASE severity WHEN 'critical' THEN 3 WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END
                AS weight
        FROM alerts_deduplicated
    ), lives AS (
        SELECT alert_id, MIN(COALESCE(opened_at, window_start)) AS opened_at,
            COALESCE(MAX(IF(is_resolved, NULL, window_end)), MIN(COALESCE(opened_at, window_start)))
                AS breached_until,
            MAX(IF(is_resolved, window_end, NULL)) AS resolved_at, MAX(COALESCE(breaches, 1)) AS breaches,
            MAX(weight) AS weight
        FROM records GROUP BY alert_id
    ), first_records AS (
        SELECT alert_id, kind, metric, dimension, dimension_value, summary FROM records WHERE TRUE
        QUALIFY ROW_NUMBER() OVER (PARTITION BY alert_id ORDER BY window_start, emitted_at) = 1
    ), last_records AS (
        SELECT alert_id, summary AS last_summary, query FROM records WHERE TRUE
        QUALIFY ROW_NUMBER() OVER (
            PARTITION BY alert_id ORDER BY IF(is_resolved, 1, 0) DESC, window_start DESC, emitted_at DESC) = 1
    )
    SELECT alert_id, kind,
        CASE weight WHEN 3 THEN 'critical' WHEN 2 THEN 'error' WHEN 1 THEN 'warning' ELSE 'info' END
            AS severity,
        metric, dimension, dimension_value, opened_at, breached_until, resolved_at, breaches, summary,
        last_summary, query, COUNT(*) OVER () AS in_all
    FROM lives JOIN first_records USING (alert_id) JOIN last_records USING (alert_id)
    WHERE {within}
    ORDER BY resolved_at IS NULL DESC, opened_at DESC, weight DESC, kind, metric, dimension, dimension_value
    LIMIT {most}
"""
_REASONS = """
    WITH letters AS (
        SELECT reason, stage, errors[SAFE_OFFSET(0)].path AS path, errors[SAFE_OFFSET(0)].message AS example,
            failed_at, COUNT(*) OVER (PARTITION BY reason) AS letters,
            ROW_NUMBER() OVER (PARTITION BY reason ORDER BY failed_at DESC, dead_letter_id) AS newest
        FROM dead_letters_deduplicated WHERE {within}
    )
    SELECT reason, letters, stage, COALESCE(path, '') AS path, COALESCE(example, '') AS example, failed_at
    FROM letters WHERE newest = 1 ORDER BY letters DESC, reason
"""
_LEDGER = """
    SELECT event_type, SUM(received) AS received, SUM(accepted) AS accepted, SUM(duplicates) AS duplicates,
        SUM(rejected) AS rejected
    FROM data_quality_metrics_latest WHERE {within} GROUP BY event_type ORDER BY event_type
"""
# A backfill's events were published long before: its latency says nothing.
_LATENCY_STARTS = """
    SELECT DISTINCT window_start FROM data_quality_metrics WHERE run_mode = 'streaming' AND {within}
"""
_LATENCY = """
    WITH last_pane AS (
        SELECT * FROM data_quality_metrics WHERE run_mode = 'streaming' AND {within}
        QUALIFY ROW_NUMBER() OVER (
            PARTITION BY window_start, window_end, event_type, run_id
            ORDER BY pane_index DESC, emitted_at DESC) = 1
    )
    SELECT window_start AS start, window_end AS `end`, MAX(latency_ms_p50) AS p50, MAX(latency_ms_p95) AS p95,
        MAX(latency_ms_p99) AS p99
    FROM last_pane GROUP BY window_start, window_end ORDER BY window_start, window_end
"""
