"""Stock, from its movements: what runs out, and what moves the wrong way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts import Alert
from pipeline.anomalies import stock
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.stock import (
    EXCEPTIONS_ALLOWED,
    MARGIN_SHARE,
    RESTOCKS_KEPT,
    Level,
    Moves,
    StockJudge,
)
from tests.anomalies.shop import SETTINGS, window

ONE_PRODUCT = SETTINGS._replace(stock_min_products=1)

Movement = tuple[str, int]


def moves_of(*movements: Movement) -> Moves:
    moves = Moves()
    for reason, units in movements:
        moves.add_movement(reason, units)
    return moves


class Warehouse:
    """A judge of one warehouse, and the number of the next window."""

    def __init__(self, settings: AnomalySettings = ONE_PRODUCT) -> None:
        self.judge = StockJudge(settings, "w-1")
        self.next = 0

    def see(self, *movements: Movement, product: str = "p-1") -> list[Alert]:
        verdicts = self.judge.judge(window(self.next), {product: moves_of(*movements)} if movements else None)
        self.next += 1
        assert verdicts.expectations == []
        return verdicts.alerts

    def sell(self, units: int, windows: int = 1, product: str = "p-1") -> list[Alert]:
        return [alert for _ in range(windows) for alert in self.see(("sale", -units), product=product)]

    def restock(self, units: int = 100, product: str = "p-1") -> list[Alert]:
        return self.see(("restock", units), product=product)


def restocked_at(level: int, product: str = "p-1") -> Warehouse:
    """A warehouse in which a product was twice restocked at a level, and is full."""
    warehouse = Warehouse()
    for _ in range(2):
        assert warehouse.sell(10, 10, product) == []
        assert warehouse.restock(product=product) == []
    assert min(warehouse.judge.levels[product].lows) == level
    return warehouse


def told(alerts: list[Alert]) -> list[tuple[str, str, float]]:
    return [(each.kind, each.state, each.value) for each in alerts]


def test_a_product_well_below_the_level_of_its_restocks_is_running_out() -> None:
    warehouse = restocked_at(-100)
    assert warehouse.sell(10, 10) == []
    margin = int(MARGIN_SHARE * 100)
    assert warehouse.sell(margin) == []
    (alert,) = warehouse.sell(1)
    assert (alert.kind, alert.state, alert.severity) == ("stock_low", "open", "error")
    assert (alert.metric, alert.dimension, alert.dimension_value) == (
        "products_running_out",
        "warehouse",
        "w-1",
    )
    assert alert.summary == (
        f"1 product has fallen below the level at which w-1 always restocked: p-1 by {margin + 1} units."
    )
    assert told(warehouse.sell(5)) == [("stock_low", "ongoing", 1.0)]


def test_a_restock_resolves_after_the_cooldown() -> None:
    warehouse = restocked_at(-100)
    warehouse.sell(10, 12)
    assert warehouse.restock() == []
    assert warehouse.sell(1) == []
    assert told(warehouse.sell(1)) == [("stock_low", "resolved", 0.0)]


def test_one_restock_does_not_say_at_which_level_they_come() -> None:
    warehouse = Warehouse()
    warehouse.sell(10, 3)
    warehouse.restock()
    assert warehouse.sell(10, 50) == []


def test_the_level_is_the_lowest_at_which_it_was_restocked() -> None:
    warehouse = restocked_at(-100)
    warehouse.sell(10, 2)
    warehouse.restock()
    assert min(warehouse.judge.levels["p-1"].lows) == -100
    assert warehouse.sell(10, 18) == []


def test_levels_of_long_ago_are_forgotten() -> None:
    warehouse = restocked_at(-100)
    for _ in range(RESTOCKS_KEPT):
        assert min(warehouse.judge.levels["p-1"].lows) == -100
        warehouse.sell(40)
        warehouse.restock(40)
    assert min(warehouse.judge.levels["p-1"].lows) == -40
    assert told(warehouse.sell(60)) == [("stock_low", "open", 1.0)]


def test_a_restock_that_came_too_late_is_an_exception_until_the_third() -> None:
    warehouse, levels = restocked_at(-100), []
    for _ in range(EXCEPTIONS_ALLOWED):
        assert told(warehouse.sell(115))[:1] != []
        warehouse.restock(115)
        levels.append(min(warehouse.judge.levels["p-1"].lows))
    assert levels == [-100, -100, -115]


def test_a_restock_in_time_forgets_the_exceptions() -> None:
    warehouse = restocked_at(-100)
    for _ in range(3):
        warehouse.sell(115)
        warehouse.restock(115)
        warehouse.sell(50)
        warehouse.restock(50)
    assert min(warehouse.judge.levels["p-1"].lows) == -100


def test_movements_that_come_late_count() -> None:
    warehouse = restocked_at(-100)
    assert warehouse.judge.correct(window(0), {"p-1": moves_of(("sale", -105))}) == []
    assert told(warehouse.sell(4)) == [("stock_low", "open", 1.0)]


def test_the_products_that_lack_most_are_named() -> None:
    warehouse = Warehouse()
    for product in ("a", "b", "c", "d", "e"):
        for _ in range(2):
            warehouse.sell(100, product=product)
            warehouse.restock(product=product)
    lacking = {f"{name}": moves_of(("sale", -100 - 10 * place)) for place, name in enumerate("abcde", 1)}
    (alert,) = warehouse.judge.judge(window(warehouse.next), lacking).alerts
    assert alert.value == 5
    assert alert.summary == (
        "5 products have fallen below the level at which w-1 always restocked: "
        "e by 50, d by 40, c by 30 units and 2 more."
    )


@pytest.mark.parametrize(
    ("reason", "units", "wrong"),
    [
        ("sale", -1, 0),
        ("sale", 1, 1),
        ("damage", -1, 0),
        ("damage", 1, 1),
        ("restock", 1, 0),
        ("restock", -1, 1),
        ("return", 1, 0),
        ("return", -1, 1),
    ],
)
def test_a_movement_has_the_direction_of_its_reason(reason: str, units: int, wrong: int) -> None:
    moves = moves_of((reason, units))
    assert (moves.units, moves.wrong_way) == (units, wrong)
    assert (moves.restocks, moves.restocked) == ((1, 1) if (reason, units) == ("restock", 1) else (0, 0))


def test_movements_that_go_the_wrong_way_are_one_alert_which_gaps_resolve() -> None:
    warehouse = Warehouse()
    assert not warehouse.judge.wants_gaps
    (alert,) = warehouse.see(("sale", 3), ("restock", -1), ("sale", -1))
    assert (alert.kind, alert.severity, alert.value, alert.metric) == (
        "wrong_way",
        "warning",
        2.0,
        "wrong_way_movements",
    )
    assert alert.summary == (
        "2 movements in w-1 go against their reason, such as p-1: stock is counted wrongly there."
    )
    assert warehouse.judge.wants_gaps
    assert [told(warehouse.see()) for _ in range(3)] == [[], [], [("wrong_way", "resolved", 0.0)]]
    assert not warehouse.judge.wants_gaps


def test_a_bounded_number_of_products_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "MAX_PRODUCTS", 3)
    warehouse = Warehouse()
    for product in ("a", "b", "c", "d", "e"):
        warehouse.sell(1, product=product)
    warehouse.sell(1, product="a")
    assert {product: level.units for product, level in warehouse.judge.levels.items()} == {
        "a": -2,
        "b": -1,
        "c": -1,
    }


_movements = st.lists(
    st.tuples(st.sampled_from(["restock", "sale", "return", "damage"]), st.integers(-99, 99).filter(bool)),
    max_size=20,
)


@given(_movements, st.data())
def test_moves_add_up_in_any_order(movements: list[Movement], data: st.DataObject) -> None:
    whole = moves_of(*movements)
    shuffled = data.draw(st.permutations(movements))
    cut = data.draw(st.integers(0, len(movements)))
    left, right = moves_of(*shuffled[:cut]), moves_of(*shuffled[cut:])
    left.add(right)
    assert left.__reduce__() == whole.__reduce__()


@given(st.lists(_movements, max_size=20))
def test_a_level_is_the_sum_of_its_movements_and_lost_restocks(windows: list[list[Movement]]) -> None:
    level, lost = Level(), 0
    for number, movements in enumerate(windows):
        before = level.units
        level.move(moves_of(*movements), number)
        level.find_lost_restock()
        found = level.units - before - sum(units for _, units in movements)
        assert found in (0, level.restock_units)
        lost += found
    assert level.units == lost + sum(units for movements in windows for _, units in movements)
    assert level.missing >= 0


def test_a_level_far_below_nothing_has_missed_a_restock() -> None:
    warehouse = restocked_at(-100)
    warehouse.judge.settings = SETTINGS._replace(stock_min_products=2)
    assert warehouse.sell(10, 10) + warehouse.sell(51) == []
    assert warehouse.judge.levels["p-1"].units == -100 - 51 + 100
    assert warehouse.judge.levels["p-1"].missing == 0


def test_what_is_told_of_as_running_out_is_no_lost_restock_however_far_it_falls() -> None:
    warehouse = restocked_at(-100)
    warehouse.sell(10, 10)
    assert told(warehouse.sell(50)) == [("stock_low", "open", 1.0)]
    assert told(warehouse.sell(30)) == [("stock_low", "ongoing", 1.0)]
    assert warehouse.judge.levels["p-1"].missing == 80


def test_one_mistaken_restock_hides_nothing() -> None:
    warehouse = restocked_at(-100)
    warehouse.see(("restock", 100_000_000), ("damage", -100_000_000))
    assert warehouse.judge.levels["p-1"].restock_units == 100


def test_a_product_that_nobody_moves_any_more_is_forgotten_after_a_day() -> None:
    warehouse = restocked_at(-100)
    warehouse.sell(10, 10)
    assert told(warehouse.sell(20)) == [("stock_low", "open", 1.0)]
    states = [state for _ in range(300) for _, state, _ in told(warehouse.see(("sale", -1), product="p-2"))]
    assert states[-1] == "resolved"
    assert states.count("ongoing") == 288


@pytest.mark.parametrize(("products", "alerts"), [(2, 0), (3, 1)])
def test_so_many_products_must_be_running_out(products: int, alerts: int) -> None:
    warehouse = Warehouse(SETTINGS._replace(stock_min_products=3))
    names = [f"p-{number}" for number in range(products)]
    for _ in range(2):
        for name in names:
            warehouse.sell(100, product=name)
            warehouse.restock(product=name)
    lacking = {name: moves_of(("sale", -120)) for name in names}
    assert len(warehouse.judge.judge(window(warehouse.next), lacking).alerts) == alerts
