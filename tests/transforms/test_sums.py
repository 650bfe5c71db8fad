"""Sums and counts that come out the same in whatever order and grouping their parts come."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sums import SKETCH_HASHES, DistinctCount, ExactSum, distinct_hash

_doubles = st.floats(allow_nan=False, allow_infinity=False)
LARGEST = 1.7976931348623157e308
SMALLEST = 5e-324


def exact(*values: float) -> ExactSum:
    total = ExactSum()
    for value in values:
        total.add_value(value)
    return total


def counted(*ranges: range) -> DistinctCount:
    count = DistinctCount()
    for numbers in ranges:
        for number in numbers:
            count.add_hash(distinct_hash(f"C{number}"))
    return count


@given(st.lists(_doubles), st.randoms())
def test_sum_is_the_rounded_exact_sum_in_any_order(values: list[float], chance: object) -> None:
    shuffled = list(values)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert exact(*shuffled) == exact(*values)
    true_sum = sum(map(Fraction, values), Fraction())
    if abs(true_sum) <= Fraction(LARGEST):
        assert exact(*values).value() == float(true_sum)


@given(st.lists(_doubles), st.lists(_doubles))
def test_sums_added_up_are_the_sum_of_everything(one: list[float], other: list[float]) -> None:
    total = exact(*one)
    total.add(exact(*other))
    assert total == exact(*one, *other)


@given(_doubles, st.integers(0, 2**63 - 1))
def test_a_value_added_many_times_is_its_exact_product(value: float, times: int) -> None:
    total = ExactSum()
    total.add_value(value, times)
    product = Fraction(value) * times
    assert total.value() == (float(product) if abs(product) <= Fraction(LARGEST) else None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.1,) * 10, 1.0),
        ((1e16, 1.0, -1e16), 1.0),
        ((SMALLEST, SMALLEST), 1e-323),
        ((LARGEST, SMALLEST), LARGEST),
        ((LARGEST, LARGEST), None),
        ((-LARGEST, -LARGEST), None),
        ((LARGEST, LARGEST, -LARGEST), LARGEST),
        ((), 0.0),
    ],
    ids=[
        "tenths",
        "cancelled",
        "tiny",
        "huge and tiny",
        "overflow",
        "negative overflow",
        "back again",
        "empty",
    ],
)
def test_sum_of_examples(values: tuple[float, ...], expected: float | None) -> None:
    assert exact(*values).value() == expected


def test_a_whole_number_of_a_float_column_adds_up() -> None:
    total = ExactSum()
    total.add_value(3)
    total.add_value(2**62)
    assert total.value() == 2.0**62


@pytest.mark.parametrize("size", [0, 1, 2, SKETCH_HASHES - 1, SKETCH_HASHES])
def test_distinct_count_is_exact_as_far_as_it_says(size: int) -> None:
    assert counted(range(size), range(size)).value() == size


@pytest.mark.parametrize("size", [SKETCH_HASHES + 1, 2_000, 2_048, 2_049, 5_000, 20_000])
def test_distinct_count_beyond_is_near(size: int) -> None:
    # The standard deviation is 1 / sqrt(1,024), about 3 %.
    assert counted(range(size)).value() == pytest.approx(size, rel=0.1)


@given(st.lists(st.integers(0, 6_000), min_size=1, max_size=5), st.integers(0, 5))
def test_distinct_count_does_not_depend_on_order_or_grouping(starts: list[int], turn: int) -> None:
    ranges = [range(start, start + 900) for start in starts]
    merged = DistinctCount()
    for each in ranges[turn:] + ranges[:turn]:
        merged.add(counted(each))
    assert merged.value() == counted(*ranges).value()


def test_adding_leaves_the_other_as_it_was() -> None:
    one, other = counted(range(10)), counted(range(5, 20))
    one.add(other)
    one.add_hash(distinct_hash("another"))
    assert (one.value(), other.value()) == (21, 15)


def test_sums_survive_pickling() -> None:
    assert pickle.loads(pickle.dumps(exact(0.1, LARGEST))) == exact(0.1, LARGEST)
    many = counted(range(3_000))
    assert pickle.loads(pickle.dumps(many)).value() == many.value()


def test_hash_is_the_same_in_every_process() -> None:
    assert distinct_hash("C1") == 18_240_613_068_750_294_245
