"""A backfill gives exactly what streaming gave, and on top of it changes nothing that is asked for.

One hour of the generator, with faults, duplicates and late events, goes through the live source and, from
what the stack has archived of it, through a backfill. `make parity` runs this alone and prints the table.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipeline.contract import load_contract
from tests.parity.both import Parity
from tests.parity.comparison import Comparison
from tests.parity.sides import (
    DEAD_LETTERS,
    EVENTS,
    LAKE,
    LAST_PANES,
    METRICS,
    QUEUE,
    SUBJECTS,
    VIEWS,
    Subject,
    compare_rows,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
LEDGER_COUNTS = ("received", "accepted", "duplicates", "rejected")


def assert_equal(comparisons: dict[Subject, Comparison], subjects: Iterable[Subject]) -> None:
    different = [comparisons[each] for each in subjects if comparisons[each].differences]
    assert not different, "\n" + "\n".join(each.report() for each in different)


def test_event_tables_are_identical(parity: Parity) -> None:
    assert_equal(parity.sides, EVENTS)


def test_dead_letters_are_identical_in_table_and_topic(parity: Parity) -> None:
    assert_equal(parity.sides, (*DEAD_LETTERS, *QUEUE))


def test_lake_rows_are_identical_in_every_partition(parity: Parity) -> None:
    assert_equal(parity.sides, LAKE)


def test_final_metrics_and_ledger_are_identical(parity: Parity) -> None:
    assert_equal(parity.sides, (*METRICS, *LAST_PANES))


def test_orders_too_late_for_metrics_are_the_same_number(parity: Parity) -> None:
    live, backfill = parity.too_late
    assert live == backfill


def test_a_backfill_on_top_of_the_live_run_changes_no_view(parity: Parity) -> None:
    assert_equal(parity.repeated, VIEWS)


def test_a_live_run_and_a_backfill_on_top_of_it_balance_with_the_archive(parity: Parity) -> None:
    assert parity.reconciled.code == 0, parity.reconciled.out
    answer = parity.reconciled.answer
    assert sum(row["published"] for row in answer["totals"]) == parity.hour.messages
    assert {each["finding"] for each in answer["findings"]} == {"written_twice"}


def test_no_view_of_events_or_metrics_is_left_out() -> None:
    # Of the views that pick rows, only the list of loads changes with each load: that is its purpose. And
    # what was expected of a window is a judgement, of what a run had seen by then.
    picking = {name for name in load_contract().views if name.endswith(("_deduplicated", "_latest"))}
    assert {view.what for view in VIEWS} == picking - {"_load_metadata_latest", "metric_expectations_latest"}


def test_the_hour_has_what_could_make_a_difference(parity: Parity) -> None:
    manifest, rows = parity.hour.manifest, parity.live
    ledger = rows["data_quality_metrics_latest"]
    totals = {count: sum(row[count] for row in ledger) for count in (*LEDGER_COUNTS, "late")}
    assert totals["received"] == parity.hour.messages
    assert totals["accepted"] == manifest["valid"]
    assert totals["duplicates"] > manifest["duplicates"] > 0  # the first minute came once more
    assert totals["rejected"] > manifest["malformed"] > 0
    assert {row["reason"] for row in rows["dead_letters"]} == manifest["malformed_by_reason"].keys()
    assert 0 < totals["late"] < totals["accepted"] / 4
    assert parity.too_late[0] > 0
    assert len({row["window_start"] for row in ledger}) > 2
    assert len({row["window_start"] for row in rows["order_metrics_latest"]}) > 12
    # More than a metric counts exactly: what it estimates must be the same too.
    assert max(row["unique_customers"] for row in rows["hourly_metrics_latest"]) > 1_024


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.what)
def test_a_message_that_the_backfill_lacked_would_be_reported(parity: Parity, subject: Subject) -> None:
    live = parity.live[subject.what]
    lost = live[len(live) // 2]
    found = compare_rows(subject, live, [row for row in live if row is not lost])
    name = ", ".join(f"{column}={lost[column]}" for column in subject.key)
    assert found.differences == (f"{name}: only in live",)
