"""Waits between attempts stay in proportion to the fault."""

from __future__ import annotations

from itertools import islice

import pytest
from google.api_core.retry import Retry, exponential_sleep_generator

from pipeline import objects, publishing


@pytest.mark.parametrize("retry", [objects._RETRY, publishing._RETRY], ids=["uploads", "publishing"])
def test_the_longest_next_wait_is_what_has_been_waited_on_average(
    retry: Retry, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest: list[float] = []

    def average(least: float, most: float) -> float:
        longest.append(most)
        return (least + most) / 2

    monkeypatch.setattr("random.uniform", average)
    waits = exponential_sleep_generator(retry._initial, retry._maximum, retry._multiplier)
    waited = 0.0
    for wait in islice(waits, 30):
        assert longest[-1] <= waited + retry._initial + 1e-9
        waited += wait
    assert waited > 2 * 32


def test_publishing_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    publishing._publisher.cache_clear()
    try:
        publisher = publishing._publisher()
        assert publisher.publisher_options.retry is publishing._RETRY
        publisher.stop()
    finally:
        publishing._publisher.cache_clear()
