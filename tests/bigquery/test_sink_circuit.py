"""The circuit of a table: when it opens, who may probe, what is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.outages import outage_alert
from pipeline.sink_circuit import Circuit, CircuitSettings, circuit_of

SECOND = 1_000_000
NOON_US = 1_714_564_800 * SECOND
SETTINGS = CircuitSettings()
TABLE = "local-shop.ecommerce_events.orders"


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_us = NOON_US

    def __call__(self) -> int:
        return self.now_us

    def go_on(self, seconds: float) -> None:
        self.now_us += round(seconds * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(TABLE, SETTINGS, clock)


def fail(circuit: Circuit, times: int = 1) -> None:
    for _ in range(times):
        era = circuit.enter()
        assert era is not None
        circuit.failed(era, "backendError: away")


def succeed(circuit: Circuit) -> None:
    era = circuit.enter()
    assert era is not None
    circuit.answered(era)


def states(circuit: Circuit) -> list[str]:
    return [news.state for news in circuit.take_news()]


def test_it_opens_with_the_fifth_failure_in_a_row(circuit: Circuit) -> None:
    fail(circuit, 4)
    assert (circuit.is_closed, states(circuit)) == (True, [])
    fail(circuit)
    assert (circuit.is_closed, circuit.enter(), states(circuit)) == (False, None, ["open"])


def test_a_success_in_between_begins_the_row_anew(circuit: Circuit) -> None:
    fail(circuit, 4)
    succeed(circuit)
    fail(circuit, 4)
    assert circuit.is_closed
    assert states(circuit) == []


@pytest.mark.parametrize(("seconds", "may"), [(29.999999, False), (30, True)])
def test_one_request_is_tried_after_thirty_seconds(
    seconds: float, may: bool, circuit: Circuit, clock: Clock
) -> None:
    fail(circuit, 5)
    clock.go_on(seconds)
    assert (circuit.enter() is not None) == may
    assert circuit.enter() is None


def test_a_probe_that_fails_opens_for_another_thirty_seconds(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 5)
    clock.go_on(30)
    fail(circuit)
    clock.go_on(29)
    assert circuit.enter() is None
    clock.go_on(1)
    assert circuit.enter() is not None
    assert states(circuit) == ["open", "ongoing"]


def test_a_probe_that_succeeds_closes(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 5)
    clock.go_on(30)
    succeed(circuit)
    assert circuit.is_closed
    assert states(circuit) == ["open", "resolved"]
    fail(circuit, 4)
    assert circuit.is_closed


def test_a_probe_without_an_outcome_leaves_the_next_one_to_try(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 5)
    clock.go_on(30)
    era = circuit.enter()
    assert era is not None
    circuit.undecided(era)
    assert not circuit.is_closed
    succeed(circuit)
    assert circuit.is_closed


def test_a_request_from_before_the_opening_decides_nothing(circuit: Circuit, clock: Clock) -> None:
    slow = circuit.enter()
    assert slow is not None
    fail(circuit, 5)
    circuit.answered(slow)
    assert circuit.enter() is None
    clock.go_on(30)
    assert circuit.enter() is not None
    circuit.failed(slow, "timeout: late")
    circuit.undecided(slow)
    assert circuit.enter() is None, "the probe is still under way"
    assert states(circuit) == ["open"]


def test_of_many_threads_one_probes(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 5)
    clock.go_on(30)
    with ThreadPoolExecutor(16) as threads:
        entered = list(threads.map(lambda _: circuit.enter(), range(200)))
    assert len([era for era in entered if era is not None]) == 1


def test_the_end_is_told_twice_since_the_first_bundle_may_fail(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 5)
    clock.go_on(30)
    succeed(circuit)
    (_, first) = circuit.take_news()
    clock.go_on(29)
    assert states(circuit) == []
    clock.go_on(1)
    assert circuit.take_news() == [first]
    clock.go_on(100)
    assert states(circuit) == []


def test_the_states_of_an_outage_are_one_alert_and_another_outage_is_another(
    circuit: Circuit, clock: Clock
) -> None:
    clock.go_on(29.9)
    for _ in range(2):
        fail(circuit, 5)
        clock.go_on(30)
        fail(circuit)
        clock.go_on(30)
        succeed(circuit)
    alerts = [outage_alert(news) for news in circuit.take_news()[:6]]
    assert [alert.state for alert in alerts] == ["open", "ongoing", "resolved"] * 2
    assert len({alert.alert_id for alert in alerts[:3]}) == 1
    assert len({alert.alert_id for alert in alerts}) == 2
    assert len({alert.window_start_us for alert in alerts[:3]}) == 3


def test_what_one_worker_resolves_another_may_go_on_with(clock: Clock) -> None:
    """docs/outages.md says what is to be looked at instead."""
    one, other = (Circuit(TABLE, SETTINGS, clock) for _ in range(2))
    fail(one, 5)
    fail(other, 5)
    clock.go_on(30)
    succeed(one)
    fail(other)
    alerts = [outage_alert(news) for circuit in (one, other) for news in circuit.take_news()]
    assert [alert.state for alert in alerts] == ["open", "resolved", "open", "ongoing"]
    assert len({alert.alert_id for alert in alerts}) == 1


def test_an_alert_says_what_happens_and_what_to_do(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 5)
    clock.go_on(95)
    succeed(circuit)
    opened, resolved = (outage_alert(news) for news in circuit.take_news())
    assert (opened.kind, opened.severity, opened.metric) == ("sink_outage", "critical", "failed_requests")
    assert (opened.dimension, opened.dimension_value, opened.value) == ("table", "orders", 5.0)
    assert opened.summary == (
        "BigQuery takes no rows for orders: 5 requests in a row failed, the last one with backendError: "
        "away. Until it does, events become dead letters and other rows files under tables/ in the lake."
    )
    assert resolved.summary == (
        "BigQuery takes rows for orders again, after 95 s. Replay the dead letters of reason "
        "bigquery_unavailable, and load the files under tables/."
    )


def test_each_table_has_its_own_and_everybody_the_same() -> None:
    first, other = circuit_of("p.d.first", SETTINGS), circuit_of("p.d.other", SETTINGS)
    assert circuit_of("p.d.first", SETTINGS) is first
    fail(first, 5)
    assert other.is_closed


class _Model:
    """The same in a few lines: requests one after the other."""

    def __init__(self) -> None:
        self.in_a_row = 0
        self.half_open_at: float | None = None

    def send(self, now: float, succeeds: bool) -> bool:
        """Whether the request was sent."""
        if self.half_open_at is not None and now < self.half_open_at:
            return False
        if succeeds:
            self.in_a_row, self.half_open_at = 0, None
        else:
            self.in_a_row += 1
            if self.in_a_row >= SETTINGS.max_failures:
                self.half_open_at = now + SETTINGS.open_seconds
        return True


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 15, 30]), st.sampled_from([False, False, True])), max_size=40)
)
def test_it_lets_through_what_the_model_does(requests: list[tuple[int, bool]]) -> None:
    clock, model = Clock(), _Model()
    circuit = Circuit(TABLE, SETTINGS, clock)
    for wait_seconds, succeeds in requests:
        clock.go_on(wait_seconds)
        era = circuit.enter()
        assert (era is not None) == model.send(clock.now_us / SECOND, succeeds)
        if era is not None:
            circuit.answered(era) if succeeds else circuit.failed(era, "away")
        assert circuit.is_closed == (model.half_open_at is None)
    told = dict.fromkeys((news.opened_at_us, news.state) for news in circuit.take_news())
    changes = [state for _, state in told if state != "ongoing"]
    assert changes == (["open", "resolved"] * len(changes))[: len(changes)]
    assert circuit.is_closed == (len(changes) % 2 == 0)
