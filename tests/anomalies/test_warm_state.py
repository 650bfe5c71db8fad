"""A judge that was stored and read again says what one says that was not."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts import Alert
from pipeline.anomalies.in_order import InOrder
from pipeline.anomalies.orders import NO_ORDERS, OrderJudge, OrderWindow
from pipeline.anomalies.promotions import Calendar, Promotion
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.values import OrderValues
from pipeline.transforms.observations import LEDGER, ORDERS, judge_of
from pipeline.transforms.quality import Counts
from tests.anomalies.shop import WINDOW_US, noisy_orders, window

SETTINGS = AnomalySettings(warmup_windows=3, min_orders=1, cooldown_windows=2)


def holding(number: int, orders: int) -> OrderWindow:
    """A window of so many orders, with their parts and values."""
    values = OrderValues()
    for each in range(orders):
        values.add_value(20.0 + each, f"{number}-{each}")
    countries = {"DE": orders // 2, "FR": orders - orders // 2}
    return OrderWindow(orders, orders * 50.0, {"country": countries}, {"kitchen": values})


_windows = st.lists(st.one_of(st.none(), st.integers(1, 400), st.just(100)), min_size=1, max_size=30)


@settings(max_examples=40)
@given(_windows, st.data())
def test_a_stored_judge_goes_on_as_one_that_was_not(sizes: list[int | None], data: st.DataObject) -> None:
    judge = stored = InOrder(OrderJudge(SETTINGS), WINDOW_US)
    stored = pickle.loads(pickle.dumps(stored))
    for number, orders in enumerate(sizes):
        if orders is None:
            continue
        observed = {window(number).start_us: holding(number, orders)}
        assert list(stored.advance(observed)) == list(judge.advance(observed))
        if data.draw(st.booleans()):
            stored = pickle.loads(pickle.dumps(stored))
        late = holding(number, 500)
        assert stored.correct(window(number).start_us, late) == judge.correct(window(number).start_us, late)
    end_us = window(len(sizes) + 3).end_us
    assert list(stored.advance({}, end_us)) == list(judge.advance({}, end_us))
    assert stored.next_gap_end_us == judge.next_gap_end_us


def test_an_open_alert_goes_on_after_a_restart() -> None:
    judge = InOrder(OrderJudge(AnomalySettings(threshold=6.0)), WINDOW_US)
    for number in range(100):
        assert alerts(judge, number, noisy_orders(number)) == []
    (opened,) = alerts(judge, 100, 1_500)
    (ongoing,) = alerts(pickle.loads(pickle.dumps(judge)), 101, 1_500)
    assert (ongoing.state, ongoing.breaches, ongoing.alert_id) == ("ongoing", 2, opened.alert_id)


def alerts(judge: InOrder, number: int, orders: int) -> list[Alert]:
    observed = OrderWindow(orders, orders * 50.0)
    return [alert for each in judge.advance({window(number).start_us: observed}) for alert in each.alerts]


@pytest.mark.parametrize("key", [ORDERS, LEDGER, "warehouse w-1", "warehouse orders"])
def test_every_judge_can_be_stored_with_its_window(key: str) -> None:
    judge = pickle.loads(pickle.dumps(judge_of(key, AnomalySettings(300, 60))))
    assert judge.window_us == (60 if key == LEDGER else 300) * 1_000_000
    observed = {ORDERS: NO_ORDERS, LEDGER: {"order": Counts(1)}}.get(key, {})
    assert len(list(judge.advance({0: observed}))) == 1


def test_panes_of_one_window_are_one_observation_whatever_their_order() -> None:
    values = OrderValues()
    values.add_value(5.0, "o-1")
    whole = OrderWindow(3, 30.0)
    country = OrderWindow(0, 0.0, {"country": {"DE": 3}})
    category = OrderWindow(0, 0.0, {"category": {"a": 3}}, {"a": values})
    expected = OrderWindow(3, 30.0, {"country": {"DE": 3}, "category": {"a": 3}}, {"a": values})
    for panes in ((whole, country, category), (category, whole, country), (country, category, whole)):
        found = NO_ORDERS
        for pane in panes:
            found = found.with_part(pane)
        assert found == expected


def test_a_job_that_was_updated_judges_by_its_new_settings() -> None:
    calendar = Calendar((Promotion(window(0).start_us, window(1_000).start_us, 20.0),))
    stored = judge_of(ORDERS, AnomalySettings(threshold=6.0))
    for number in range(100):
        assert alerts(stored, number, noisy_orders(number)) == []
    updated = AnomalySettings(threshold=6.0, promotions=calendar, cooldown_windows=1)
    judge = judge_of(ORDERS, updated, pickle.loads(pickle.dumps(stored)))
    assert alerts(judge, 100, 1_500) == []
    assert [alert.state for alert in alerts(stored, 100, 1_500)] == ["open"]


@pytest.mark.parametrize("key", [ORDERS, LEDGER, "stock 3"])
def test_windows_of_another_length_start_anew(key: str) -> None:
    stored = judge_of(key, AnomalySettings())
    other = AnomalySettings(window_seconds=600, ledger_window_seconds=600)
    assert judge_of(key, AnomalySettings(), stored) is stored
    assert judge_of(key, other, stored).window_us == 600_000_000
    assert judge_of(key, other, stored) is not stored
