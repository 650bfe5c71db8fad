"""What a series usually is: levels and rhythm, learnt window by window."""

from __future__ import annotations

import itertools
import math
import pickle
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.anomalies.baseline import CLIP, DAYS_BEFORE_DRIFT, Baseline, MedianSpread, Spread
from tests.anomalies.shop import DAY, HOUR, noisy_orders, usual_orders, window


def learn(baseline: Baseline, first: int, windows: int, noise: bool = True) -> None:
    orders = noisy_orders if noise else usual_orders
    for number in range(first, first + windows):
        baseline.learn(window(number).middle_us, math.log(orders(number)))


def forecast(baseline: Baseline, number: int) -> float:
    found = baseline.forecast(window(number).middle_us)
    assert found is not None
    return math.exp(found.fast)


def test_nothing_is_expected_before_the_first_window() -> None:
    assert Baseline(DAY).forecast(window(0).middle_us) is None


def test_after_two_weeks_each_hour_of_the_day_is_forecast_within_six_percent() -> None:
    baseline = Baseline(DAY)
    learn(baseline, 0, 15 * DAY)
    wrong = []
    for number in range(15 * DAY, 16 * DAY):
        wrong.append(abs(forecast(baseline, number) / usual_orders(number) - 1))
        learn(baseline, number, 1)
    hours = [statistics.fmean(wrong[first : first + HOUR]) for first in range(0, DAY, HOUR)]
    assert max(hours) < 0.06
    # The day swings between 0.4 and 1.6: the level of the last hour alone would be wrong by more.
    level = [abs(usual_orders(number - HOUR) / usual_orders(number) - 1) for number in range(DAY)]
    assert max(level) > 0.1


def test_the_rhythm_of_the_day_is_its_factors() -> None:
    baseline = Baseline(DAY)
    learn(baseline, 0, 15 * DAY, noise=False)
    night, noon = (baseline.rhythm(window(15 * DAY + hour * HOUR + 6).middle_us) for hour in (0, 12))
    assert math.exp(noon - night) == pytest.approx(4.0, rel=0.05)


def test_days_of_the_week_differ_once_they_have_been_seen() -> None:
    learnt = Baseline(DAY)
    learn(learnt, 0, 28 * DAY)
    noons = [learnt.rhythm(window(28 * DAY + day * DAY + DAY // 2).middle_us) for day in (2, 5)]
    assert noons[1] - noons[0] > 0.5 * math.log(1.15)


@pytest.mark.parametrize("days", [0.5, 1.5, 15.0])
@pytest.mark.parametrize("value", [0.5, 1e9])
def test_one_window_whatever_it_holds_moves_the_forecast_by_little(days: float, value: float) -> None:
    first = round(days * DAY)
    calm, shaken = Baseline(DAY), Baseline(DAY)
    learn(calm, 0, first)
    learn(shaken, 0, first)
    spread = shaken._spread_of_hour(window(first).middle_us)
    calm.learn(window(first).middle_us, math.log(usual_orders(first)))
    shaken.learn(window(first).middle_us, math.log(value))
    moved = math.log(forecast(shaken, first + 1) / forecast(calm, first + 1))
    assert abs(moved) < CLIP * spread / 2


def test_the_second_day_begins_where_the_first_has_ended() -> None:
    baseline, forecasts = Baseline(DAY), []
    for number in range(DAY + 2 * HOUR):
        learn(baseline, number, 1, noise=False)
        forecasts.append(forecast(baseline, number + 1) / usual_orders(number + 1))
    around = forecasts[DAY - 6 : DAY + 6]
    steps = [abs(after / before - 1) for before, after in itertools.pairwise(around)]
    assert max(steps) < 0.05
    assert all(0.9 < each < 1.1 for each in forecasts[DAY:])


def test_the_first_day_has_no_level_of_the_last_days() -> None:
    baseline = Baseline(DAY)
    learn(baseline, 0, DAY)
    assert baseline.forecast(window(DAY - 1).middle_us).slow is None  # type: ignore[union-attr]
    learn(baseline, DAY, DAY)
    assert baseline.forecast(window(2 * DAY).middle_us).slow is not None  # type: ignore[union-attr]


def test_drift_is_unknown_at_first() -> None:
    baseline = Baseline(DAY)
    days = round(DAYS_BEFORE_DRIFT)
    learn(baseline, 0, days * DAY)
    assert baseline.drifted() is None
    learn(baseline, days * DAY, 2)
    assert baseline.drifted() is not None


def test_state_is_as_large_after_three_weeks_as_after_one() -> None:
    baseline, sizes = Baseline(DAY), []
    for day in range(21):
        learn(baseline, day * DAY, DAY)
        sizes.append(len(pickle.dumps(baseline)))
    # Integers take another byte as they grow, and there is one for each hour of the week.
    assert max(sizes[8:]) <= sizes[8] + 250
    assert max(sizes) < 6_000


def test_accepted_level_is_expected_of_the_next_window() -> None:
    baseline = Baseline(DAY)
    learn(baseline, 0, 9 * DAY)
    baseline.accept(window(9 * DAY).middle_us, math.log(3 * usual_orders(9 * DAY)))
    found = baseline.forecast(window(9 * DAY + 1).middle_us)
    assert found is not None
    assert found.slow is not None
    assert math.exp(found.fast) == pytest.approx(3 * usual_orders(9 * DAY + 1), rel=0.03)
    assert math.exp(found.slow) == pytest.approx(math.exp(found.fast))


def test_after_a_gap_the_level_of_the_last_days_is_expected() -> None:
    baseline = Baseline(DAY)
    learn(baseline, 0, 9 * DAY)
    for number in range(9 * DAY, 9 * DAY + 6):
        baseline.learn(window(number).middle_us, math.log(0.8 * usual_orders(number)))
    before = forecast(baseline, 9 * DAY + 6) / usual_orders(9 * DAY + 6)
    baseline.return_to_slow()
    after = forecast(baseline, 9 * DAY + 6) / usual_orders(9 * DAY + 6)
    assert before < 0.95 < after < 1.05


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=400), st.integers(0, 2 * DAY))
def test_whatever_comes_levels_and_spreads_stay_finite(levels: list[float], gap: int) -> None:
    baseline = Baseline(DAY)
    for number, level in enumerate(levels):
        baseline.learn(window(number + gap * (number > len(levels) // 2)).middle_us, level)
    found = baseline.forecast(window(len(levels) + gap).middle_us)
    assert found is not None
    assert all(math.isfinite(each) for each in (found.fast, found.slow or 0.0, found.spread))
    assert found.spread > 0


def test_median_spread_is_a_standard_deviation_that_outliers_hardly_move() -> None:
    chance = random.Random(1)
    median, mean = MedianSpread(), Spread()
    for number in range(5_000):
        residual = chance.gauss(0, 0.1) * (50 if number % 20 == 0 else 1)
        median.learn(residual, 1 / DAY)
        mean.learn(residual, 1 / 500)
    assert median.deviation == pytest.approx(0.1, rel=0.2)
    assert mean.deviation > 0.25


def test_an_hour_beyond_measure_moves_the_median_by_a_twentieth_at_most() -> None:
    chance, median = random.Random(2), MedianSpread()
    for _ in range(3 * DAY):
        median.learn(chance.gauss(0, 0.1), 1 / DAY)
    before = median.deviation
    for _ in range(HOUR):
        median.learn(1e6, 1 / DAY)
    assert before < median.deviation < before * 1.05


@given(st.lists(st.floats(-1e6, 1e6), max_size=50))
def test_spread_is_never_zero(residuals: list[float]) -> None:
    spread = Spread()
    for residual in residuals:
        spread.learn(residual, 1 / 500)
    assert spread.deviation >= 0.005
