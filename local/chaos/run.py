"""Runs trials, some side by side, each stack one trial at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.chaos.trial import Result, Scenario, Trial
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

    Logs stay in `output`, in a folder for each trial. Raises: StackError if a trial cannot be played.
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
