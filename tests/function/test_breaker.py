"""The circuit breaker: five failures open it for 30 s, then one try decides."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from breaker import Breaker, BreakerOpen
from channels import Refused, Unavailable
from tests.function.instance import ManualClock


class Target:
    """What the breaker protects: counts its calls, and ends as told."""

    def __init__(self) -> None:
        self.calls = 0
        self.fault: Exception | None = Unavailable("down")

    def __call__(self) -> None:
        self.calls += 1
        if self.fault:
            raise self.fault


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def breaker(clock: ManualClock) -> Breaker:
    return Breaker("slack", clock=clock.now)


@pytest.fixture
def target() -> Target:
    return Target()


def fail(breaker: Breaker, target: Callable[[], None], times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable):
            breaker.call(target)


def test_five_failures_in_a_row_open_it_for_thirty_seconds(
    breaker: Breaker, clock: ManualClock, target: Target
) -> None:
    fail(breaker, target, 4)
    assert breaker.lets_through
    fail(breaker, target, 1)
    target.fault = None
    for seconds in (0.0, 15.0, 14.9):
        clock.seconds += seconds
        assert not breaker.lets_through
        with pytest.raises(BreakerOpen):
            breaker.call(target)
    assert target.calls == 5
    clock.seconds += 0.2
    assert breaker.lets_through
    breaker.call(target)
    assert target.calls == 6


def test_success_between_failures_starts_the_count_anew(breaker: Breaker, target: Target) -> None:
    fail(breaker, target, 4)
    target.fault = None
    breaker.call(target)
    target.fault = Unavailable("down")
    fail(breaker, target, 4)
    assert breaker.lets_through


def test_refusal_is_an_answer_and_no_failure(breaker: Breaker, clock: ManualClock, target: Target) -> None:
    target.fault = Refused("bad request")
    for _ in range(10):
        with pytest.raises(Refused):
            breaker.call(target)
    assert breaker.lets_through
    target.fault = Unavailable("down")
    fail(breaker, target, 5)
    clock.seconds += 30
    target.fault = Refused("bad request")
    with pytest.raises(Refused):
        breaker.call(target)
    target.fault = Unavailable("down")
    fail(breaker, target, 4)
    assert breaker.lets_through  # the refusal had closed it


def test_half_open_lets_exactly_one_of_many_threads_through(breaker: Breaker, clock: ManualClock) -> None:
    for end in (Unavailable("down"), Unavailable("down"), None):
        if breaker.lets_through:
            fail(breaker, always_down, 5)
        clock.seconds += 30
        together, go_on = threading.Barrier(8), threading.Event()
        calls: list[int] = []

        def slow(calls: list[int] = calls, go_on: threading.Event = go_on, end: object = end) -> None:
            calls.append(1)
            go_on.wait(10)
            if isinstance(end, Exception):
                raise end

        def attempt(
            _: int,
            together: threading.Barrier = together,
            slow: Callable[[], None] = slow,
            go_on: threading.Event = go_on,
        ) -> str:
            together.wait()
            try:
                breaker.call(slow)
            except BreakerOpen:
                return "open"
            except Unavailable:
                return "tried"
            return "tried"

        with ThreadPoolExecutor(8) as pool:
            attempts = [pool.submit(attempt, number) for number in range(8)]
            # Seven are turned away while the one is still out.
            while sum(each.done() for each in attempts) < 7:
                pass
            go_on.set()
            ends = sorted(each.result() for each in attempts)
        assert ends == ["open"] * 7 + ["tried"]
        assert len(calls) == 1
    assert breaker.lets_through


def always_down() -> None:
    raise Unavailable("down")


def test_failed_trial_opens_it_for_thirty_seconds_more(
    breaker: Breaker, clock: ManualClock, target: Target
) -> None:
    fail(breaker, target, 5)
    clock.seconds += 30
    fail(breaker, target, 1)
    clock.seconds += 29.9
    with pytest.raises(BreakerOpen):
        breaker.call(target)
    assert target.calls == 6


def test_call_that_began_before_decides_nothing(breaker: Breaker, clock: ManualClock, target: Target) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        go_on.wait(10)

    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(breaker.call, slow)
        began.wait(10)
        fail(breaker, target, 5)
        go_on.set()
        early.result()
    assert not breaker.lets_through


def test_bug_in_a_trial_leaves_the_next_one_free(
    breaker: Breaker, clock: ManualClock, target: Target
) -> None:
    fail(breaker, target, 5)
    clock.seconds += 30
    target.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        breaker.call(target)
    target.fault = None
    breaker.call(target)
    assert breaker.lets_through


def test_opening_and_closing_are_each_told_once(
    breaker: Breaker, clock: ManualClock, target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(breaker, target, 5)
    for _ in range(3):
        with pytest.raises(BreakerOpen):
            breaker.call(target)
        clock.seconds += 30
        fail(breaker, target, 1)
    clock.seconds += 30
    target.fault = None
    breaker.call(target)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["severity"], line["channel"]) for line in lines] == [
        ("WARNING", "slack"),
        ("NOTICE", "slack"),
    ]
