"""The watermark of a subscription: behind the latest pulls, never back, and with the clock when idle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.live.watermark import REMEMBERED_PULLS, PublishTimeWatermark

SLACK = 10


def test_nothing_is_known_before_the_first_pull() -> None:
    assert PublishTimeWatermark(SLACK).current_us(None) is None
    assert PublishTimeWatermark(SLACK).current_us(5) is None


def test_it_stays_behind_the_earliest_of_the_latest_pulls() -> None:
    watermark = PublishTimeWatermark(SLACK)
    for earliest in (100, 300, 200, 400, 500):
        watermark.observe(earliest)
        assert watermark.current_us(None) == 90
    watermark.observe(600)
    assert watermark.current_us(None) == 190


def test_it_follows_the_clock_only_while_nothing_comes() -> None:
    watermark = PublishTimeWatermark(SLACK)
    watermark.observe(100)
    watermark.observe_idle(1_000)
    assert watermark.current_us(None) == 990
    watermark.observe(2_000)
    assert watermark.current_us(None) == 1_990


def test_it_does_not_pass_what_was_pulled_and_not_handed_on() -> None:
    watermark = PublishTimeWatermark(SLACK)
    watermark.observe(100)
    assert watermark.current_us(50) == 50
    assert watermark.current_us(95) == 90


_pulls = st.lists(st.tuples(st.booleans(), st.integers(0, 1_000)))


@given(_pulls)
def test_it_never_goes_back(pulls: list[tuple[bool, int]]) -> None:
    watermark = PublishTimeWatermark(SLACK)
    before = -SLACK
    for is_idle, time_us in pulls:
        (watermark.observe_idle if is_idle else watermark.observe)(time_us)
        now = watermark.current_us(None)
        assert now is not None
        assert now >= before
        before = now


@given(st.lists(st.integers(0, 1_000), min_size=1))
def test_messages_out_of_order_by_less_than_the_slack_are_never_late(delays: list[int]) -> None:
    watermark = PublishTimeWatermark(1_000)
    for number, delay in enumerate(delays):
        earliest = 10_000 + number - delay
        current = watermark.current_us(None)
        assert current is None or earliest >= current
        watermark.observe(earliest)
    assert REMEMBERED_PULLS > 1
