"""However a suite ends, it says what it knows and leaves nothing stopped or running."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from google.api_core.exceptions import RetryError

from local.chaos import run
from local.chaos.__main__ import _break_off
from local.chaos.run import run_trials
from local.chaos.scenario import Result
from local.chaos.scenarios import SCENARIOS
from local.chaos.standstill import is_stopped, standing_still
from local.stack import Stack

STOP_AND_WAIT = """
import sys, time
from local.chaos.standstill import standing_still
with standing_still(int(sys.argv[1])):
    print("stopped", flush=True)
    time.sleep(60)
"""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_was_stopped_goes_on_even_if_the_suite_is_killed() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stopped:
        try:
            suite = subprocess.Popen(
                [sys.executable, "-c", STOP_AND_WAIT, str(stopped.pid)], stdout=subprocess.PIPE
            )
            assert suite.stdout is not None
            assert suite.stdout.readline() == b"stopped\n"
            wait_until(lambda: is_stopped(stopped.pid))
            suite.kill()
            suite.communicate()
            wait_until(lambda: not is_stopped(stopped.pid))
            with standing_still(stopped.pid):
                wait_until(lambda: is_stopped(stopped.pid))
            wait_until(lambda: not is_stopped(stopped.pid))
        finally:
            stopped.kill()


class _Nothing(Stack):
    """A stack with no part that could end."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, parts=())


class UnknownError(grpc.RpcError):
    pass


@pytest.mark.parametrize(
    "error", [RetryError("no answer", cause=None), UnknownError("cut"), ValueError("no such row")]
)
def test_whatever_breaks_a_trial_off_the_others_go_on(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(run, "Trial", broken)
    heard: list[Result] = []
    trials = [(SCENARIOS["kill"], seed) for seed in (1, 2)]
    results = run_trials(trials, tmp_path, [_Nothing(tmp_path)], heard.append)
    assert heard == results
    assert [result.seed for result in results] == [1, 2]
    for result in results:
        (sentence,) = result.failures
        assert sentence.startswith(f"{type(error).__name__}: ")
        assert "Traceback" in (tmp_path / f"kill-{result.seed}" / "error.log").read_text()


def test_a_signal_breaks_the_suite_off_once() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGTERM, _break_off)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
