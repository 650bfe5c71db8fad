from __future__ import annotations

import threading
import time

import pytest

from generator.instants import SECOND_US
from generator.pacing import Pacer


def test_messages_leave_when_they_are_due_without_drift() -> None:
    pacer = Pacer(0, threading.Event())
    begun = time.monotonic()
    for number in range(100):
        assert pacer.wait_until(number * SECOND_US // 200) == 0
    assert time.monotonic() - begun == pytest.approx(99 / 200, abs=0.05)


def test_a_stall_is_caught_up_by_a_second_at_most_and_the_rest_is_postponed() -> None:
    pacer = Pacer(0, threading.Event())
    time.sleep(1.4)
    assert pacer.wait_until(0) == pytest.approx(400_000, abs=100_000)
    begun = time.monotonic()
    assert pacer.wait_until(SECOND_US) == 0  # 0.4 s behind: goes out at once
    assert time.monotonic() - begun < 0.1


def test_a_stop_ends_the_wait() -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    begun = time.monotonic()
    Pacer(0, stop).wait_until(60 * SECOND_US)
    assert time.monotonic() - begun < 1.0
