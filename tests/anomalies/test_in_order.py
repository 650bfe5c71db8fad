"""Windows in the order of event time, with those in which nothing came."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts import Alert
from pipeline.anomalies.in_order import InOrder
from pipeline.anomalies.life import Window
from pipeline.anomalies.verdicts import Verdicts
from tests.anomalies.shop import MONDAY_US, WINDOW_US, window


class Recorder:
    """Notes what it is asked to judge; wants gaps until it has seen so many in a row."""

    def __init__(self, gaps: int = 1_000) -> None:
        self.gaps = gaps
        self.in_a_row = 0
        self.seen: list[tuple[int, Any]] = []
        self.corrected: list[tuple[Window, Any]] = []

    @property
    def wants_gaps(self) -> bool:
        return self.in_a_row < self.gaps

    def judge(self, window: Window, observed: Any | None) -> Verdicts:
        assert window.end_us - window.start_us == WINDOW_US
        self.in_a_row = self.in_a_row + 1 if observed is None else 0
        self.seen.append(((window.start_us - MONDAY_US) // WINDOW_US, observed))
        return Verdicts([], [])

    def correct(self, window: Window, observed: Any) -> list[Alert]:
        self.corrected.append((window, observed))
        return []


def advance(in_order: InOrder, *numbers: int, until: int | None = None) -> int:
    """Judge windows of those numbers, each holding its number; how many verdicts there are."""
    windows = {window(number).start_us: number for number in numbers}
    return len(list(in_order.advance(windows, None if until is None else window(until).end_us)))


def test_windows_are_judged_in_order_with_the_gaps_between_them() -> None:
    judge = Recorder()
    assert advance(InOrder(judge, WINDOW_US), 5, 1, 3) == 5
    assert judge.seen == [(1, 1), (2, None), (3, 3), (4, None), (5, 5)]


def test_gaps_are_judged_up_to_the_window_that_ends_then() -> None:
    judge = Recorder()
    in_order = InOrder(judge, WINDOW_US)
    assert advance(in_order, 0, until=2) == 3
    assert advance(in_order, until=2) == 0
    assert len(list(in_order.advance({}, window(3).end_us - 1))) == 0
    assert advance(in_order, until=3) == 1
    assert judge.seen == [(0, 0), (1, None), (2, None), (3, None)]


def test_nothing_is_a_gap_before_the_first_window() -> None:
    in_order = InOrder(Recorder(), WINDOW_US)
    assert advance(in_order, until=10) == 0
    assert in_order.next_gap_end_us is None


def test_a_window_is_judged_once() -> None:
    judge = Recorder()
    in_order = InOrder(judge, WINDOW_US)
    advance(in_order, 0, until=3)
    assert advance(in_order, 0, 2, 3) == 3
    assert advance(in_order, 4) == 1
    assert judge.seen == [(0, 0), (1, None), (2, None), (3, None), (4, 4)]
    # Whatever the runner calls the pane, what comes after the judgement can only correct it.
    assert judge.corrected == [(window(number), number) for number in (0, 2, 3)]


def test_gaps_end_where_the_judge_wants_no_more() -> None:
    judge = Recorder(gaps=2)
    in_order = InOrder(judge, WINDOW_US)
    assert advance(in_order, 0, until=100) == 3
    assert in_order.next_gap_end_us is None
    assert advance(in_order, 200) == 1
    assert judge.seen == [(0, 0), (1, None), (2, None), (200, 200)]
    assert in_order.next_gap_end_us == window(201).end_us


def test_a_late_pane_is_handed_to_the_judge_with_its_window() -> None:
    judge = Recorder()
    in_order = InOrder(judge, WINDOW_US)
    advance(in_order, 0)
    assert in_order.correct(window(0).start_us, "late") == []
    assert judge.corrected == [(window(0), "late")]
    assert in_order.next_gap_end_us == window(1).end_us


@given(st.lists(st.tuples(st.sets(st.integers(0, 30)), st.one_of(st.none(), st.integers(0, 30))), max_size=8))
def test_whatever_comes_windows_are_judged_in_order_and_without_a_hole(
    steps: list[tuple[set[int], int | None]],
) -> None:
    judge = Recorder()
    in_order = InOrder(judge, WINDOW_US)
    for numbers, until in steps:
        advance(in_order, *numbers, until=until)
    seen = [number for number, _ in judge.seen]
    assert seen == list(range(seen[0], seen[0] + len(seen))) if seen else True
    assert all(observed in (None, number) for number, observed in judge.seen)
