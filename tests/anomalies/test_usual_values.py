"""Orders whose value is far outside of their category."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.anomalies.values import (
    LARGEST_KEPT,
    MAX_CATEGORIES,
    TOLD_KEPT,
    OrderValues,
    UsualValues,
    ValuesJudge,
    bucket_of,
)
from tests.anomalies.shop import DAY, window


def values_of(*orders: tuple[float, str]) -> OrderValues:
    found = OrderValues()
    for value, order_id in orders:
        found.add_value(value, order_id)
    return found


def usual_values(seed: int, orders: int = 100) -> OrderValues:
    """Orders of about 20 to 100."""
    chance = random.Random(seed)
    return values_of(*((chance.uniform(20, 100), f"{seed}-{each}") for each in range(orders)))


_orders = st.dictionaries(st.text(max_size=3), st.floats(0, 1e9), max_size=30)
"""An order comes to the same, however often it is seen."""


@given(_orders, st.data())
def test_any_split_and_order_adds_up_to_the_same(orders: dict[str, float], data: st.DataObject) -> None:
    seen = [(value, order_id) for order_id, value in orders.items()]
    whole = values_of(*seen)
    cut = data.draw(st.integers(0, len(seen)))
    shuffled = data.draw(st.permutations(seen))
    left, right = values_of(*shuffled[:cut]), values_of(*shuffled[cut:])
    left.add(right)
    assert left.counts == whole.counts
    assert [value for value, _ in left.largest] == [value for value, _ in whole.largest]
    assert [value for value, _ in whole.largest] == sorted(orders.values(), reverse=True)[:LARGEST_KEPT]
    distinct = len(set(orders.values())) == len(orders)
    assert not distinct or left.largest == whole.largest


@given(_orders, _orders)
def test_what_is_added_stays_as_it_is(one: dict[str, float], other: dict[str, float]) -> None:
    first, second = (values_of(*((value, name) for name, value in each.items())) for each in (one, other))
    before = (dict(second.counts), list(second.largest))
    first.add(second)
    first.add_value(1e10, "more")
    assert (second.counts, second.largest) == before


def test_an_order_in_another_status_is_counted_and_told_of_once() -> None:
    seen = values_of((500.0, "o-1"), (500.0, "o-1"), (400.0, "o-2"))
    assert sum(seen.counts.values()) == 3
    assert seen.largest == [(500.0, "o-1"), (400.0, "o-2")]


@given(st.floats(0.01, 1e12))
def test_a_bucket_holds_values_within_a_fifth_of_each_other(value: float) -> None:
    bucket = bucket_of(value)
    assert 2 ** ((bucket - 1) / 4) * (1 - 1e-9) <= value <= 2 ** (bucket / 4) * (1 + 1e-9)


@pytest.mark.parametrize("value", [0.0, 0.005, 0.01])
def test_values_without_a_logarithm_share_a_bucket(value: float) -> None:
    assert bucket_of(value) == bucket_of(0.01)


def test_nothing_is_usual_before_a_thousand_orders() -> None:
    usual = UsualValues()
    for number in range(9):
        usual.learn(window(number).start_us, usual_values(number))
    assert usual.bound() is None
    usual.learn(window(9).start_us, usual_values(9))
    assert usual.bound() == pytest.approx(100, rel=0.2)


def test_the_bound_leaves_out_one_order_of_a_thousand() -> None:
    usual = UsualValues()
    usual.learn(
        0, values_of(*((50.0, str(each)) for each in range(4_997)), *((9e5, f"x{n}") for n in range(3)))
    )
    assert usual.bound() == pytest.approx(50, rel=0.2)
    usual.learn(0, values_of(*((9e5, f"y{each}") for each in range(30))))
    assert usual.bound() == pytest.approx(9e5, rel=0.2)


def test_the_largest_doubles_there_are_make_a_bound() -> None:
    usual = UsualValues()
    usual.learn(0, values_of(*((1.7e308, str(each)) for each in range(2_000))))
    bound = usual.bound()
    assert bound is not None
    assert 1e300 < 3 * bound < float("inf")


def test_what_was_usual_is_half_forgotten_in_a_week() -> None:
    usual, nothing = UsualValues(), OrderValues()
    usual.learn(window(0).start_us, usual_values(1, 10_000))
    for number in range(1, 7 * DAY + 1):
        usual.learn(window(number).start_us, nothing)
    assert sum(usual.counts.values()) == pytest.approx(10_000 * 0.9**7)
    for number in range(7 * DAY, 200 * DAY, DAY):
        usual.learn(window(number).start_us, nothing)
    assert usual.counts == {}


def watched(factor: float = 3.0) -> ValuesJudge:
    judge = ValuesJudge(factor, 3)
    for number in range(20):
        assert judge.judge(window(number), {"kitchen": usual_values(number)}) == []
    return judge


def test_an_unusual_order_is_told_of_with_its_id() -> None:
    (alert,) = watched().judge(
        window(20), {"kitchen": values_of((60.0, "o-1"), (5_000.0, "o-2"), (4_000.0, "o-3"))}
    )
    assert (alert.kind, alert.severity, alert.metric) == ("unusual_order", "warning", "order_value")
    assert (alert.dimension, alert.dimension_value, alert.value) == ("category", "kitchen", 5_000.0)
    assert alert.expected_high == pytest.approx(300, rel=0.2)
    assert alert.summary.startswith(
        "Order o-2 comes to 5,000.00, and 1 more: 999 of 1,000 orders in kitchen "
    )


def test_an_order_is_told_of_once() -> None:
    judge, states = watched(), []
    for number in range(20, 26):
        states.append(
            [each.state for each in judge.judge(window(number), {"kitchen": values_of((5e3, "o-2"))})]
        )
    assert states == [["open"], [], [], ["resolved"], [], []]


def test_another_order_in_the_next_window_goes_on_with_the_alert() -> None:
    judge = watched()
    (first,) = judge.judge(window(20), {"kitchen": values_of((5e3, "o-1"))})
    (second,) = judge.judge(window(21), {"kitchen": values_of((5e3, "o-2"))})
    assert (second.state, second.breaches, second.alert_id) == ("ongoing", 2, first.alert_id)


@pytest.mark.parametrize(("factor", "found"), [(3.0, 1), (5.0, 0)])
def test_the_factor_says_what_is_unusual(factor: float, found: int) -> None:
    assert len(watched(factor).judge(window(20), {"kitchen": values_of((400.0, "o-1"))})) == found


def test_each_category_has_its_own_usual_values() -> None:
    judge = watched()
    for number in range(20, 40):
        dear = values_of(*((1_000.0 + each, f"{number}-{each}") for each in range(60)))
        assert judge.judge(window(number), {"garden": dear}) == []
    alerts = judge.judge(
        window(40), {"garden": values_of((1_500.0, "g")), "kitchen": values_of((1_500.0, "k"))}
    )
    assert [each.dimension_value for each in alerts] == ["kitchen"]


def test_told_orders_and_categories_are_bounded() -> None:
    usual = UsualValues()
    for number in range(TOLD_KEPT):
        usual.beyond(1.0, values_of((9.0, f"{number}"), (8.0, f"x{number}")))
    assert len(usual.told) == TOLD_KEPT
    judge = ValuesJudge(3.0, 3)
    judge.judge(window(0), {f"{each:03d}": values_of((1.0, "o")) for each in range(150)})
    assert len(judge.known) == MAX_CATEGORIES
