"""Runs trials, some side by side, each stack one trial at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from google.api_core.exceptions import GoogleAPICallError

from local.chaos.outcome import NOTHING
from local.chaos.scenario import Result, Scenario
from local.chaos.trial import Trial
from local.errors import StackError
from local.stack import Stack
from pipeline.contract import load_contract

PARTS = ("pubsub", "bigquery", "storage")


def run_trials(
    trials: Sequence[tuple[Scenario, int]],
    output: Path,
    side_by_side: int,
    report: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Run every (scenario, seed) and return the results in the same order; `report` hears of each at once.

    Logs stay in `output`, in a folder for each trial. A trial that cannot be played has failed.
    Raises: StackError if a stack does not start.
    """
    contract = load_contract()
    stacks: queue.SimpleQueue[Stack] = queue.SimpleQueue()
    reporting = threading.Lock()

    def run(trial: tuple[Scenario, int]) -> Result:
        scenario, seed = trial
        stack = stacks.get()
        try:
            stack.check()
            result = Trial(scenario, seed, stack, contract, output / f"{scenario.name}-{seed}").run()
        except (StackError, GoogleAPICallError, OSError) as error:  # the emulators are broken on purpose
            result = not_played(scenario, seed, error)
        finally:
            stacks.put(stack)
        with reporting:
            report(result)
        return result

    started: list[Stack] = []
    try:
        for number in range(min(side_by_side, len(trials))):
            stack = Stack(output / f"stack-{number}", parts=PARTS, fresh=True)
            stack.start()
            started.append(stack)
            stacks.put(stack)
        with ThreadPoolExecutor(max(1, len(started))) as pool:
            return list(pool.map(run, trials))
    finally:
        for stack in started:
            stack.stop()


def not_played(scenario: Scenario, seed: int, error: Exception) -> Result:
    """The result of a trial that has come to no end: all figures are 0, and it says why."""
    sentence = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    return Result(scenario.name, seed, scenario.what, "", NOTHING, None, None, None, [], 0, [sentence])
