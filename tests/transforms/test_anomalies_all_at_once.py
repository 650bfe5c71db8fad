"""DetectAnomalies where all windows are there at once: as in event time, one after the other."""

from __future__ import annotations

import random

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from pipeline.anomalies.settings import AnomalySettings
from pipeline.transforms.anomalies import DetectAnomalies, Metrics
from pipeline.transforms.order_metrics import OrderTotals
from pipeline.transforms.windowed_sums import Revision
from tests.transforms.builders import at

SIZES = [20, 22, 21, 20, 22, 21, 90, 20, 22, 21, 20, 22, 21, 1]


def revision(number: int, orders: int) -> Revision:
    totals = OrderTotals(orders=orders)
    totals.revenue.add_value(10.0, times=orders)
    return Revision(at(number * 300), at(number * 300 + 300), "all", {"all": totals}, 0, "on_time")


@pytest.mark.parametrize("seed", range(3))
def test_windows_in_any_order_are_judged_in_the_order_of_event_time(seed: int) -> None:
    revisions = [revision(number, orders) for number, orders in enumerate(SIZES)]
    random.Random(seed).shuffle(revisions)
    settings = AnomalySettings(warmup_windows=4, all_at_once=True)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        orders = pipeline | "Orders" >> beam.Create(revisions)
        ledger = pipeline | "Ledger" >> beam.Create([])
        stock = pipeline | "Stock" >> beam.Create([])
        found = Metrics(orders, ledger, stock) | DetectAnomalies(settings)
        alerts = found.alerts | beam.FlatMap(
            lambda chunk: [
                (each.kind, each.metric, each.state, (each.window_start_us - at(0)) / 300e6, each.value)
                for each in chunk
            ]
        )
        assert_that(
            alerts,
            equal_to(
                [
                    ("spike", "order_count", "open", 6.0, 90.0),
                    ("spike", "order_count", "resolved", 9.0, 21.0),
                    ("drop", "order_count", "open", 13.0, 1.0),
                ]
            ),
        )
        rows = found.expectations | "Rows" >> beam.FlatMap(
            lambda chunk: [each.verdict for each in chunk if each.subject.metric == "order_count"]
        )
        verdicts = [*["not_judged"] * 5, *["normal"] * 7, "spike", "drop"]  # the first is not learnt
        assert_that(rows, equal_to(verdicts), label="Expectations")
