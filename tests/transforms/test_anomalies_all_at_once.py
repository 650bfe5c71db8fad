"""DetectAnomalies where all windows are there at once: as in event time, one after the other."""

from __future__ import annotations

import random

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from pipeline.transforms.anomalies import AnomalySettings, DetectAnomalies
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
        alerts = (orders, ledger) | DetectAnomalies(settings)
        found = alerts | beam.Map(
            lambda each: (each.kind, each.metric, each.window_start_us - at(0), each.value)
        )
        spike, drop = 1_800 * 1_000_000, 3_900 * 1_000_000
        assert_that(
            found,
            equal_to(
                [
                    ("spike", "order_count", spike, 90.0),
                    ("spike", "revenue", spike, 900.0),
                    ("drop", "order_count", drop, 1.0),
                    ("drop", "revenue", drop, 10.0),
                ]
            ),
        )
