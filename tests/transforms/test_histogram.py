"""Percentiles against the sorted values themselves."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.histogram import RELATIVE_ERROR, SMALLEST, Histogram

YEAR_MS = 366 * 86_400_000.0
HALF_A_THOUSANDTH = 0.0005 + 1e-9
"""What rounding to a thousandth may add."""

_values = st.floats(0, YEAR_MS)
_shares = st.sampled_from([0.01, 0.25, 0.5, 0.95, 0.99, 1.0])


def histogram(*values: float) -> Histogram:
    result = Histogram()
    for value in values:
        result.add(value)
    return result


@given(st.lists(_values, min_size=1), _shares)
def test_percentile_is_within_a_percent_of_the_value_at_its_rank(values: list[float], share: float) -> None:
    at_rank = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    if at_rank < SMALLEST:
        at_rank = 0.0
    found = histogram(*values).percentile(share)
    assert found == pytest.approx(at_rank, rel=RELATIVE_ERROR + 1e-9, abs=0) or (
        found is not None and abs(found - at_rank) <= RELATIVE_ERROR * at_rank + HALF_A_THOUSANDTH
    )


@given(st.lists(_values), st.lists(_values))
def test_histograms_added_up_are_one_of_everything(one: list[float], other: list[float]) -> None:
    total, added = histogram(*one), histogram(*other)
    total.add_all(added)
    assert total == histogram(*one, *other)
    assert added == histogram(*other)


def test_examples() -> None:
    values = [float(number) for number in range(1, 1_001)]
    percentiles = [histogram(*values).percentile(share) for share in (0.5, 0.95, 0.99)]
    assert percentiles == [
        pytest.approx(500, rel=0.01),
        pytest.approx(950, rel=0.01),
        pytest.approx(990, rel=0.01),
    ]


def test_nothing_counted_has_no_percentile() -> None:
    assert Histogram().percentile(0.5) is None


@pytest.mark.parametrize("value", [0.0, -3.0, SMALLEST / 2])
def test_what_is_negative_or_too_small_counts_as_zero(value: float) -> None:
    assert histogram(value).percentile(0.99) == 0.0
    assert histogram(value, 100.0, 100.0).percentile(0.5) == pytest.approx(100, rel=0.01)


def test_histogram_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(histogram(1.0, 0.0, 7.5))) == histogram(0.0, 7.5, 1.0)


@given(st.lists(_values), st.lists(_values))
def test_what_came_since_is_all_that_the_earlier_one_lacks(before: list[float], after: list[float]) -> None:
    earlier = histogram(*before)
    assert histogram(*before, *after).since(earlier) == histogram(*after)
