from __future__ import annotations

from collections import Counter

import pytest

from generator.clock import NEVER_US, ProcessClock, SteadyClock, step_us
from generator.incidents import KINDS, Incident, conditions_at, parse_incident
from generator.instants import SECOND_US, TimestampText
from generator.labels import Labels
from generator.simulation import Plan
from generator.timeline import Timeline
from tests.generator.reading import START_US, Simulate


def per_type(simulate: Simulate, spec: str) -> list[Counter[str]]:
    """Run at 500/s and return the messages of three spans of 30 s by event type."""
    messages = simulate(90_000, rate=500.0, order_seconds=20.0, incidents=(parse_incident(spec),))
    assert messages[-1].publish_us > START_US + 90 * SECOND_US
    spans: list[Counter[str]] = [Counter(), Counter(), Counter()]
    for message in messages:
        span = (message.publish_us - START_US) // (30 * SECOND_US)
        if span < 3:
            spans[span][message.event_type] += 1
    return spans


@pytest.mark.parametrize(
    ("spec", "orders_a_second"), [("order_spike@30s+30s x5", 1_000), ("order_drop@0.5m+30s x0.2", 40)]
)
def test_orders_change_by_the_factor_from_the_first_to_the_last_second_only(
    spec: str, orders_a_second: int, simulate: Simulate
) -> None:
    before, during, after = per_type(simulate, spec)
    assert before["order"] / 30 == pytest.approx(200, rel=0.1)
    assert during["order"] / 30 == pytest.approx(orders_a_second, rel=0.1)
    assert after["order"] / 30 == pytest.approx(200, rel=0.1)
    assert during["user_activity"] == pytest.approx(before["user_activity"], rel=0.1)


def test_order_drop_to_zero_is_silence(simulate: Simulate) -> None:
    _, during, _ = per_type(simulate, "order_drop@30s+30s x0")
    assert during["order"] == during["inventory"] == 0
    assert during["user_activity"] > 5_000


def test_bad_deploy_breaks_its_share_of_the_orders_while_it_lasts(simulate: Simulate) -> None:
    messages = simulate(60_000, rate=1_000.0, incidents=(parse_incident("bad_deploy@20s+20s x0.4"),))
    begin_us, end_us = START_US + 20 * SECOND_US, START_US + 40 * SECOND_US
    orders = [message for message in messages if message.event_type == "order"]
    during = [message.fault is not None for message in orders if begin_us <= message.publish_us < end_us]
    outside = [message.fault for message in orders if not begin_us <= message.publish_us < end_us]
    assert sum(during) / len(during) == pytest.approx(0.4, abs=0.03)
    assert set(outside) == {None}


@pytest.mark.parametrize(
    ("text", "incident"),
    [
        ("order_spike@30s+15s x5", Incident("order_spike", 30_000_000, 45_000_000, 5.0)),
        ("order_spike@30+15", Incident("order_spike", 30_000_000, 45_000_000, 5.0)),
        ("order_drop@1.5m+2hx0", Incident("order_drop", 90_000_000, 7_290_000_000, 0.0)),
        ("bad_deploy@1d+500msx0.25", Incident("bad_deploy", 86_400_000_000, 86_400_500_000, 0.25)),
    ],
)
def test_incident_is_read(text: str, incident: Incident) -> None:
    assert parse_incident(text) == incident


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("order_spike", "must look like"),
        ("order_spike@30s", "must look like"),
        ("order_spike@30y+5s", "must look like"),
        ("earthquake@1s+1s", "unknown kind 'earthquake'; there are order_spike, order_drop, bad_deploy"),
        ("order_spike@1s+1sx0.5", "a number above 1"),
        ("order_drop@1s+1sx2", "from 0 to below 1"),
        ("bad_deploy@1s+1sx0", "above 0 and up to 1"),
        ("silence@1s+1sx1", r"0 \(or nothing\) as the factor of silence, not 1"),
        ("order_drift@1s+1sx1", "a number above 0 other than 1"),
        ("order_drift@1s+1sx0", "a number above 0 other than 1"),
        ("fraud_burst@1s+1sx0.95", "a share above 0 and up to 0.9"),
        ("stock_out@1s+1sx1.1", "a share above 0 and up to 1"),
        ("promotion@1s+1sx1", "a number above 1"),
        ("order_spike@1s+0s", "longer than nothing"),
    ],
)
def test_wrong_incident_is_refused_in_a_sentence(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_incident(text)


def test_incidents_at_the_same_time_add_up() -> None:
    incidents = [parse_incident(f"{spec}@0s+10s") for spec in ("order_spike", "order_drop", "bad_deploy")]
    conditions = conditions_at([*incidents, parse_incident("bad_deploy@5s+5s")], 5 * SECOND_US)
    assert conditions.order_speed == pytest.approx(5.0 * 0.2)
    assert conditions.broken_share == {"order": pytest.approx(0.75)}


def test_every_kind_allows_its_default_factor_and_says_what_it_affects() -> None:
    for kind in KINDS.values():
        assert kind.allows(kind.default_factor)
        assert set(kind.affects) == {"event_types", "metrics"}
        assert kind.direction(kind.default_factor) in ("up", "down")


def test_a_promotion_alone_is_no_anomaly() -> None:
    assert [name for name, kind in KINDS.items() if not kind.is_anomaly] == ["promotion"]


def test_timeline_gives_what_each_incident_in_turn_would_give() -> None:
    incidents = [
        *map(parse_incident, ("order_spike@3s+9s", "order_drift@5s+10sx2", "fraud_burst@2s+2s")),
        *map(parse_incident, ("bad_deploy@14s+9s", "silence@8s+1s")),
    ]
    timeline = Timeline(incidents)
    for elapsed_us in range(0, 30 * SECOND_US, SECOND_US // 4):
        expected, seen = conditions_at(incidents, elapsed_us), timeline.at(elapsed_us)
        assert vars(seen) == vars(expected), elapsed_us


def test_clock_reaches_the_same_instants_however_its_speed_changes() -> None:
    jumps_us = [int(7.5 * SECOND_US), 12 * SECOND_US]
    clock = ProcessClock(0, lambda instant: 3.0 if jumps_us[0] <= instant < jumps_us[1] else 0.5, jumps_us)
    assert clock.instant_us(1.0) == 2 * SECOND_US
    assert clock.instant_us(3.75) == int(7.5 * SECOND_US)
    assert clock.instant_us(6.75) == int(8.5 * SECOND_US)
    assert clock.instant_us(3.75 + 13.5 + 2.0) == 16 * SECOND_US


def test_clock_that_stops_goes_on_at_the_next_change_or_never() -> None:
    changes_us = [2 * SECOND_US, 500_000 * SECOND_US, 500_001 * SECOND_US]

    def speed_at(instant: int) -> float:
        return float(instant < changes_us[0] or changes_us[1] <= instant < changes_us[2])

    clock = ProcessClock(0, speed_at, changes_us, step_us=60 * SECOND_US)
    assert clock.instant_us(1.5) == SECOND_US * 3 // 2
    assert clock.instant_us(2.25) == changes_us[1] + SECOND_US // 4
    assert clock.instant_us(3.1) == NEVER_US
    assert clock.instant_us(4.0) == NEVER_US


def test_clocks_take_longer_steps_where_messages_are_rare() -> None:
    assert [step_us(rate) / SECOND_US for rate in (5_000.0, 420.0, 4.0, 0.5)] == [5.0, 5.0, 25.0, 60.0]


def test_steady_clock_comes_back_to_the_very_instant() -> None:
    clock = SteadyClock(START_US)
    for elapsed_us in range(0, 90 * 86_400 * SECOND_US, 1_234_567_891):
        instant_us = START_US + elapsed_us
        assert clock.instant_us(clock.own_seconds(instant_us)) == instant_us


def label_times(labels: Labels, run_end_us: int) -> list[tuple[object, object]]:
    return [(label["start"], label["end"]) for label in labels.as_dicts(run_end_us)]


def test_labels_say_when_incidents_really_happened() -> None:
    spike, drop, deploy = (
        parse_incident(text) for text in ("order_spike@10s+10s", "order_drop@30s+10s", "bad_deploy@60s+1s")
    )
    labels = Labels(Plan(start_us=START_US, incidents=(spike, drop, deploy)))
    second = SECOND_US
    for elapsed, postponed in ((9, 0), (11, 0), (21, 0), (36, 5), (39, 5)):
        labels.observe(START_US + elapsed * second, postponed * second)
    text = TimestampText()
    assert label_times(labels, START_US + 40 * second) == [
        (text.of(START_US + 10 * second), text.of(START_US + 20 * second)),
        (text.of(START_US + 35 * second), text.of(START_US + 40 * second)),  # cut short
    ]


def test_an_incident_that_was_postponed_beyond_the_end_has_no_label() -> None:
    labels = Labels(Plan(start_us=START_US, incidents=(parse_incident("order_drop@30s+10s"),)))
    labels.observe(START_US + 33 * SECOND_US, 5 * SECOND_US)
    assert labels.as_dicts(START_US + 34 * SECOND_US) == []
