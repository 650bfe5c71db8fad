"""What was expected of each window, as rows of metric_expectations."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam

from pipeline.anomalies.verdicts import Expectation
from pipeline.bigquery_rows import Row
from pipeline.chunks import Chunk
from pipeline.clock import now_us
from pipeline.rfc3339 import format_rfc3339
from pipeline.rows import Run, row_of, time_column


class ToExpectationRows(beam.PTransform):
    """Write expectations as rows. Input: list[Expectation]. Output: list[Row]."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def expand(self, expectations: beam.PCollection) -> beam.PCollection:
        return expectations | "MakeRows" >> beam.ParDo(_MakeRows(self.run)).with_output_types(Chunk)


def expectation_row(expectation: Expectation, run: Run, emitted_at_us: int) -> Row:
    """The row of metric_expectations."""
    window, subject = expectation.window, expectation.subject
    columns = {
        "window_start": time_column(window.start_us),
        "window_end": time_column(window.end_us),
        "metric": subject.metric,
        "dimension": subject.dimension,
        "dimension_value": subject.dimension_value,
        "value": expectation.value,
        "expected": expectation.expected,
        "expected_low": expectation.low,
        "expected_high": expectation.high,
        "score": expectation.score,
        "verdict": expectation.verdict,
        "run_id": run.run_id,
        "emitted_at": format_rfc3339(emitted_at_us),
    }
    return row_of(columns, key=(window.start_us, *subject, run.run_id))


class _MakeRows(beam.DoFn):
    def __init__(self, run: Run) -> None:
        self.run = run

    def process(self, expectations: list[Expectation]) -> Iterator[list[Row]]:
        emitted_at_us = now_us()
        yield [expectation_row(expectation, self.run, emitted_at_us) for expectation in expectations]
