"""In whatever order and however often Pub/Sub delivers: nothing lost, told twice or left open."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alert import SEVERITIES
from tests.function.instance import Instance, Least
from tests.function.recording_server import Answer, RecordingServer
from tests.function.shop import CHANNELS, OPEN, PATHS, RESOLVED, Shop, State, content, ongoing


@pytest.fixture(scope="module")
def server() -> Iterator[RecordingServer]:
    server = RecordingServer()
    yield server
    server.close()


class Delivery(NamedTuple):
    state: State
    instance: int
    failing: tuple[str, ...]
    """Channels that answer 500 until they are left to the trigger."""


@st.composite
def lives(draw: st.DrawFn) -> list[State]:
    """The records of one alert: opened, maybe gone on, maybe resolved; its end tells of the worst."""
    severity = st.sampled_from(SEVERITIES)
    states = [State("open", 1, draw(severity))]
    breaches = longest = 1
    for is_broken in draw(st.lists(st.booleans(), max_size=6)):
        breaches = 1 if is_broken else breaches + 1
        longest = max(longest, breaches)
        states.append(State("ongoing", breaches, draw(severity)))
    gravest = max((state.severity for state in states), key=SEVERITIES.index)
    if draw(st.integers(0, 3)):
        # Now and then milder than it should be, which must not leave an incident open.
        states.append(State("resolved", longest, gravest if draw(st.integers(0, 4)) else draw(severity)))
    return states


@st.composite
def deliveries(draw: st.DrawFn) -> list[Delivery]:
    """Every record at least once, in any order, some several times."""
    states = draw(lives())
    repeated = states + draw(st.lists(st.sampled_from(states), max_size=5))
    failing = st.lists(st.sampled_from(list(PATHS)), max_size=2, unique=True).map(tuple)
    return [
        Delivery(state, draw(st.integers(0, 1)), draw(failing)) for state in draw(st.permutations(repeated))
    ]


def run(shop: Shop, alert: dict[str, Any], coming: list[Delivery]) -> None:
    """Deliver as Pub/Sub does: what was not acknowledged comes again, after everything else."""
    waiting = deque(coming)
    turns = 0
    while waiting:
        turns += 1
        assert turns < 50 * len(coming), "a message is never acknowledged"
        delivery = waiting.popleft()
        for channel, path in PATHS.items():
            is_failing = channel in delivery.failing
            shop.server.answers[path] = deque([Answer(status=500)] * 4 if is_failing else [])
        if not shop.instances[delivery.instance].push(content(alert, delivery.state)):
            waiting.append(delivery._replace(failing=()))
        for instance in shop.instances:
            instance.clock.seconds += 10  # the trigger's shortest wait


def qualifies(state: State, least: Least) -> bool:
    is_grave = SEVERITIES.index(state.severity) >= SEVERITIES.index(least.severity)
    return is_grave and (state.breaches or 0) >= least.breaches


def check_promises(shop: Shop, states: set[State], least: dict[str, Least]) -> None:
    live = [state for state in states if state.state != "resolved"]
    (end,) = [state for state in states if state.state == "resolved"] or [None]
    gravest = max(SEVERITIES.index(state.severity) for state in live)
    for channel in CHANNELS:
        took = shop.took(channel)
        states_told = [state for state in took if state != "trigger"]
        assert len(set(states_told)) == len(states_told), f"{channel} heard a state twice: {took}"
        if channel == "pagerduty":
            assert took.count("trigger") <= 2  # open, ongoing
            assert "trigger" not in took[took.index("resolved") :] if "resolved" in took else True, took
            assert end is None or not took or took[-1] == "resolved", f"an incident stays open: {took}"
        if channel == "slack" and "resolved" in took:
            assert took[-1] == "resolved", took
        ought_to_hear = any(qualifies(state, least[channel]) for state in states)
        if channel != "pagerduty" or end is None or SEVERITIES.index(end.severity) == gravest:
            assert bool(took) == ought_to_hear, f"{channel}: {took}"
        if end is not None and SEVERITIES.index(end.severity) == gravest and took:
            assert "resolved" in took, f"{channel} does not hear the end: {took}"


LEAST = st.builds(Least, st.integers(1, 5), st.sampled_from(SEVERITIES))


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(coming=deliveries(), least=st.fixed_dictionaries(dict.fromkeys(CHANNELS, LEAST)))
@example(
    coming=[Delivery(OPEN, 0, ("pagerduty",)), Delivery(RESOLVED, 1, ()), Delivery(OPEN, 1, ())],
    least=dict.fromkeys(CHANNELS, Least()),
)
@example(
    coming=[Delivery(State("resolved", 1, "info"), 0, ()), Delivery(OPEN, 0, ())],
    least=dict.fromkeys(CHANNELS, Least(1, "error")),
)
def test_in_every_order_nothing_is_lost_or_told_twice(
    server: RecordingServer,
    tmp_path_factory: pytest.TempPathFactory,
    alert: dict[str, Any],
    coming: list[Delivery],
    least: dict[str, Least],
) -> None:
    shop = Shop(server, tmp_path_factory.getbasetemp(), least, count=2)
    run(shop, alert, coming)
    check_promises(shop, {delivery.state for delivery in coming}, least)


def test_states_that_come_at_the_same_moment_leave_no_incident_open(
    server: RecordingServer, tmp_path: Path, alert: dict[str, Any]
) -> None:
    least = dict.fromkeys(CHANNELS, Least())
    states = [OPEN, *ongoing(2, 3), RESOLVED]
    for turn in range(10):
        shop = Shop(server, tmp_path, least, count=2)
        together = threading.Barrier(2 * len(states))
        fresh = {**alert, "alert_id": f"turn-{turn}"}

        def deliver(
            job: tuple[Instance, State],
            together: threading.Barrier = together,
            fresh: dict[str, Any] = fresh,
        ) -> None:
            instance, state = job
            together.wait()
            while not instance.push(content(fresh, state)):
                pass

        with ThreadPoolExecutor(2 * len(states)) as pool:
            list(pool.map(deliver, [(instance, state) for instance in shop.instances for state in states]))
        check_promises(shop, set(states), least)
        assert sorted(shop.took("webhook")) == ["ongoing", "open", "resolved"]
        assert shop.took("pagerduty")[-1] == "resolved"
