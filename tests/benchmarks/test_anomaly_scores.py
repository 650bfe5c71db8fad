"""How often the detection is right, in short; and that the scoring itself is."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.anomalies.__main__ import main
from benchmarks.anomalies.peers import PEERS, alerts_of
from benchmarks.anomalies.play import Window, play
from benchmarks.anomalies.report import ALL_KINDS, score_all
from benchmarks.anomalies.scenario import MINUTES_A_DAY, PROMOTIONS, QUIET_DAYS, RECIPES, draw
from benchmarks.anomalies.score import Incident, Told, score

WINDOW_US = 300_000_000
SHORT_DAYS = 37
SHORT_WINDOW_SECONDS = 900
SHORT_RATE = 0.15
"""Messages per second, so that a longer window holds about as many orders as one of the long form."""
LEAST = 0.9


def told(kind: str, window: int, metric: str = "order_count") -> Told:
    return Told(kind, metric, window * WINDOW_US, (window + 1) * WINDOW_US)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nine_of_ten_incidents_are_found_and_nine_of_ten_alerts_are_right(tmp_path: Path) -> None:
    played = play(
        draw(7, SHORT_DAYS, SHORT_RATE, SHORT_WINDOW_SECONDS), tmp_path, SHORT_WINDOW_SECONDS, both=False
    )
    (*kinds, total) = score_all(
        [played], lambda each: each.alerts, ALL_KINDS, SHORT_WINDOW_SECONDS * 1_000_000
    )
    faults = [(line.kind, line.found, line.incidents, line.right, line.alerts) for line in kinds]
    assert total.incidents == 3 * len(RECIPES)
    assert total.recall >= LEAST, faults
    assert total.precision >= LEAST, faults
    assert total.false_a_day <= 1 / 7, faults


def test_an_alert_is_right_during_an_incident_and_just_after() -> None:
    incident = Incident("order_drop", 10 * WINDOW_US + 1, 12 * WINDOW_US)
    expected = {9: 0, 10: 1, 11: 1, 12: 1, 13: 1, 14: 0}
    assert {
        window: score([incident], [told("drop", window)], ["order_drop"], 1.0, WINDOW_US)[0].right
        for window in expected
    } == expected


def test_recall_counts_incidents_and_precision_alerts() -> None:
    incidents = [
        Incident("silence", 10 * WINDOW_US, 12 * WINDOW_US),
        Incident("silence", 50 * WINDOW_US, 52 * WINDOW_US),
    ]
    alerts = [told("silence", 10), told("silence", 11), told("silence", 30)]
    line, total = score(incidents, alerts, ["silence"], 2.0, WINDOW_US)
    assert (line.found, line.incidents, line.right, line.alerts) == (1, 2, 2, 3)
    assert (line.recall, line.false_a_day, line.windows) == (0.5, 0.5, (1,))
    assert line.precision == pytest.approx(2 / 3)
    assert line.f1 == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))
    assert total._replace(kind="silence") == line


def test_an_incident_found_by_another_kind_of_alert_is_found() -> None:
    incident = Incident("silence", 10 * WINDOW_US, 12 * WINDOW_US)
    silence, drop, total = score([incident], [told("drop", 10)], ["silence", "order_drop"], 1.0, WINDOW_US)
    assert (silence.found, silence.alerts, drop.alerts, drop.right) == (1, 0, 1, 1)
    assert (total.recall, total.precision) == (1.0, 1.0)


def test_an_alert_of_a_kind_that_cannot_tell_of_it_is_wrong() -> None:
    incident = Incident("stock_out", 10 * WINDOW_US, 90 * WINDOW_US)
    alerts = [told("spike", 20), told("any", 30)]
    stock, spikes, total = score([incident], alerts[:1], ["stock_out", "order_spike"], 1.0, WINDOW_US)
    assert (stock.found, spikes.alerts, spikes.right, total.found) == (0, 1, 0, 0)
    assert (
        score([incident], alerts, ["stock_out"], 1.0, WINDOW_US)[0].found == 1
    )  # who says no kind may be right


def test_whole_windows_until_it_was_told() -> None:
    incident = Incident("order_spike", 10 * WINDOW_US + WINDOW_US // 2, 20 * WINDOW_US)
    delays = [
        score([incident], [told("spike", window)], ["order_spike"], 1.0, WINDOW_US)[0].windows
        for window in (10, 11, 14)
    ]
    assert delays == [(0,), (1,), (4,)]


def test_a_scenario_has_every_kind_equally_often_and_one_thing_a_day_at_most() -> None:
    scenario = draw(5, 60, 0.5)
    days = [each.minute // MINUTES_A_DAY for each in scenario.planned]
    kinds = [each.kind for each in scenario.planned]
    assert len(set(days)) == len(days)
    assert min(days) >= QUIET_DAYS
    assert {kind: kinds.count(kind) for kind in RECIPES} == dict.fromkeys(RECIPES, 6)
    assert kinds.count("promotion") == PROMOTIONS
    assert all(
        each.minute + each.minutes <= (day + 1) * MINUTES_A_DAY
        for each, day in zip(scenario.planned, days, strict=True)
    )
    assert scenario == draw(5, 60, 0.5) != draw(6, 60, 0.5)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_finds_a_plain_spike_once(peer) -> None:
    values = [100.0 + each % 7 for each in range(400)]
    values[300] = values[301] = 5_000.0
    windows = [Window(number * WINDOW_US, value, 10 * value, 1.0) for number, value in enumerate(values)]
    found = [
        alert.start_us // WINDOW_US
        for alert in alerts_of(peer, peer.default, windows, WINDOW_US)
        if alert.metric == "order_count"
    ]
    assert found == [300]


def test_what_was_tuned_on_is_not_scored() -> None:
    with pytest.raises(SystemExit, match="must not be scored"):
        main(["--seeds", "1", "--tuning_seeds", "1"])
    with pytest.raises(SystemExit, match="too few"):
        main(["--days", "20"])
