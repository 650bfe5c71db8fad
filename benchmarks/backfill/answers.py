"""What a side wrote, and where it differs from what the generator says and from what ours wrote."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from benchmarks.backfill.inputs import Expected

RELATIVE_TOLERANCE = 1e-9
"""Of sums of money: only ours do not depend on the order of their parts."""

Key = tuple[str, str, str]
"""Window start, dimension, value."""
Metrics = tuple[int, int, float, float, int, int]
"""Orders, items, revenue, average, customers, late."""


class Answer(NamedTuple):
    """What lies in a side's output folder."""

    rows: dict[str, int]
    """Rows in the lake by event type."""
    dead_letters: int
    files: int
    """Parquet files."""
    metrics: dict[Key, Metrics]

    @property
    def accepted(self) -> int:
        """Rows in the lake."""
        return sum(self.rows.values())


def read_answer(output: Path) -> Answer:
    """Count rows and read the order metrics; raises duckdb.Error if something cannot be read."""
    files = len(list(output.glob("processed/**/[!.]*.parquet")))
    with duckdb.connect() as connection:

        def ask(question: str) -> list[tuple[Any, ...]]:
            return connection.execute(question).fetchall()

        rows = ask(
            "SELECT regexp_extract(file_name, 'event_type=([a-z_]+)', 1), sum(num_rows)::BIGINT "
            f"FROM parquet_file_metadata('{output}/processed/**/*.parquet') GROUP BY 1 ORDER BY 1"
        ) if files else []  # fmt: skip
        letters = _json_files(output, "dead_letters")
        metrics = _json_files(output, "order_metrics")
        return Answer(
            dict(rows),
            ask(f"SELECT count(*) FROM read_ndjson_objects({letters})")[0][0] if letters else 0,
            files,
            {
                row[:3]: row[3:]
                for row in ask(
                    "SELECT strftime(window_start, '%Y-%m-%dT%H:%M'), dimension, dimension_value, "
                    "order_count, item_count, revenue, average_order_value, unique_customers, late_count "
                    f"FROM read_json({metrics}, format = 'newline_delimited', columns = {{"
                    "window_start: 'TIMESTAMP', dimension: 'VARCHAR', dimension_value: 'VARCHAR', "
                    "order_count: 'BIGINT', item_count: 'BIGINT', revenue: 'DOUBLE', "
                    "average_order_value: 'DOUBLE', unique_customers: 'BIGINT', late_count: 'BIGINT'})"
                )
            }
            if metrics
            else {},
        )


def differences(answer: Answer, expected: Expected) -> list[str]:
    """How counts differ from what was generated; empty if they do not."""
    found = []
    missed = expected.rejected - answer.dead_letters
    if missed:
        what = "missed" if missed > 0 else "too many"
        found.append(f"{abs(missed):,} of {expected.rejected:,} invalid events {what}")
    for event_type in sorted(expected.rows.keys() | answer.rows.keys()):
        surplus = answer.rows.get(event_type, 0) - expected.rows.get(event_type, 0)
        if surplus:
            found.append(f"{surplus:+,} {event_type} rows in the lake")
    return found


def metric_differences(answer: Answer, reference: Answer) -> list[str]:
    """How many rows of the order metrics differ from the reference's, by what."""
    missing = reference.metrics.keys() - answer.metrics.keys()
    extra = answer.metrics.keys() - reference.metrics.keys()
    other = sum(
        not _agree(row, answer.metrics[key])
        for key, row in reference.metrics.items()
        if key in answer.metrics
    )
    told = {"missing": len(missing), "of nothing": len(extra), "with other numbers": other}
    return [f"{count:,} metric rows {what}" for what, count in told.items() if count]


def _agree(one: Metrics, other: Metrics) -> bool:
    return all(math.isclose(a, b, rel_tol=RELATIVE_TOLERANCE) for a, b in zip(one, other, strict=True))


def _json_files(output: Path, table: str) -> list[str]:
    return [
        str(path)
        for path in sorted(output.glob(f"tables/{table}/[!.]*.*"))
        if path.suffix in (".json", ".jsonl", ".txt") and path.stat().st_size
    ]
