"""The comparison itself: whatever differs is reported, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity.comparison import Comparison, as_table, compare

LIVE: list[dict[str, Any]] = [
    {"id": "a", "folder": "hour=10", "amount": 1.5, "items": [{"n": 1}], "processed_at": 1},
    {"id": "b", "folder": "hour=10", "amount": None, "items": [], "processed_at": 1},
    {"id": "c", "folder": "hour=11", "amount": 3.0, "items": [{"n": 2}, {"n": 3}], "processed_at": 2},
]


def compared(*backfill: dict[str, Any], key: tuple[str, ...] = ("id",)) -> Comparison:
    sides = ("live", "backfill")
    return compare("orders", LIVE, backfill, key=key, sides=sides, without=("processed_at",))


def changed(number: int, **columns: Any) -> list[dict[str, Any]]:
    return [{**row, **(columns if n == number else {})} for n, row in enumerate(LIVE)]


def test_the_same_rows_in_any_order_are_no_difference() -> None:
    found = compared(*reversed(LIVE))
    assert found == Comparison("orders", 3, 3, ())
    assert found.report() == "orders: 3 and 3 rows, 0 differences"


def test_a_column_that_is_left_out_may_differ() -> None:
    assert compared(*changed(0, processed_at=99)).differences == ()


def test_one_message_less_is_exactly_one_difference() -> None:
    assert compared(LIVE[0], LIVE[2]).differences == ("id=b: only in live",)


def test_one_message_more_is_exactly_one_difference() -> None:
    assert compared(*LIVE, {**LIVE[0], "id": "d"}).differences == ("id=d: only in backfill",)


def test_a_row_written_twice_is_a_difference() -> None:
    assert compared(*LIVE, LIVE[1]).differences == ("id=b: 2 times in backfill",)


@pytest.mark.parametrize(
    ("columns", "difference"),
    [
        ({"amount": 3.0000000000000004}, "amount is 3.0 in live, 3.0000000000000004 in backfill"),
        ({"amount": 3}, "amount is 3.0 in live, 3 in backfill"),
        ({"amount": None}, "amount is 3.0 in live, None in backfill"),
        ({"items": [{"n": 3}, {"n": 2}]}, "items is [{'n': 2}, {'n': 3}] in live, [{'n': 3}, {'n': 2}] in"),
        ({"more": 1}, "live has no column more"),
    ],
)
def test_a_column_that_differs_is_named_with_both_values(columns: dict[str, Any], difference: str) -> None:
    (found,) = compared(*changed(2, **columns)).differences
    assert found.startswith(f"id=c: {difference}")


def test_a_column_that_is_left_out_must_still_be_there() -> None:
    without = [{name: value for name, value in row.items() if name != "processed_at"} for row in LIVE]
    assert compared(*without).differences == tuple(
        f"id={each}: backfill has no column processed_at" for each in "abc"
    )


def test_a_row_in_another_folder_is_missing_in_its_own() -> None:
    assert compared(*changed(1, folder="hour=11"), key=("folder", "id")).differences == (
        "folder=hour=10, id=b: only in live",
        "folder=hour=11, id=b: only in backfill",
    )


def test_a_report_lists_the_first_five_and_says_how_many_more() -> None:
    rows = [{"id": n} for n in range(9)]
    found = compare("orders", rows, rows[2:], key=("id",), sides=("live", "backfill"))
    assert found.report().splitlines() == [
        "orders: 9 and 7 rows, 2 differences",
        "  id=0: only in live",
        "  id=1: only in live",
    ]
    lines = compare("orders", rows, [], key=("id",), sides=("live", "backfill")).report().splitlines()
    assert (len(lines), lines[-1]) == (7, "  and 4 more")


def test_the_table_says_rows_and_differences() -> None:
    lines = as_table("each by itself", ("live", "backfill"), [compared(LIVE[0], LIVE[2])])
    assert [line.split() for line in lines] == [
        ["each", "by", "itself", "live", "backfill", "differences"],
        ["orders", "3", "2", "1"],
    ]
