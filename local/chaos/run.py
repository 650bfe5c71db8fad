"""Runs trials, some side by side, each stack one trial at a time."""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from local.chaos.outcome import NOTHING
from local.chaos.scenario import Result, Scenario
from local.chaos.trial import Trial
from local.errors import StackError
from local.stack import Stack
from pipeline.contract import load_contract

PARTS = ("pubsub", "bigquery", "storage")


@contextmanager
def stacks_of_our_own(output: Path, count: int) -> Iterator[list[Stack]]:
    """`count` stacks, whose parts a scenario may end. Raises: StackError if one does not start."""
    with ExitStack() as running:
        yield [
            running.enter_context(Stack(output / f"stack-{number}", parts=PARTS, fresh=True))
            for number in range(count)
        ]


def run_trials(
    trials: Sequence[tuple[Scenario, int]],
    output: Path,
    stacks: Sequence[Stack],
    report: Callable[[Result], None] = lambda result: None,
    outage_seconds: float | None = None,
) -> list[Result]:
    """Run every (scenario, seed) and return the results in the same order; `report` hears of each at once.

    One trial at a time for each entry of `stacks`; logs stay in `output`, in a folder for each trial. A
    trial that cannot be played has failed, and the others go on. Without `outage_seconds` outages last
    3 to 6 s.
    """
    contract = load_contract()
    free: queue.SimpleQueue[Stack] = queue.SimpleQueue()
    for stack in stacks:
        free.put(stack)
    reporting, is_broken_off = threading.Lock(), threading.Event()
    running: list[Trial] = []

    def run(trial: tuple[Scenario, int]) -> Result:
        scenario, seed = trial
        stack = free.get()
        folder = output / f"{scenario.name}-{seed}"
        try:
            stack.check()
            played = Trial(scenario, seed, stack, contract, folder, outage_seconds)
            running.append(played)
            if is_broken_off.is_set():
                played.break_off()
            result = played.run()
        except Exception as error:  # all is broken on purpose, and each client has errors of its own
            result = not_played(scenario, seed, error)
            folder.mkdir(exist_ok=True)
            (folder / "error.log").write_text("".join(traceback.format_exception(error)))
        finally:
            free.put(stack)
        with reporting:
            report(result)
        return result

    with ThreadPoolExecutor(len(stacks)) as pool:
        try:
            return list(pool.map(run, trials))
        except BaseException:
            is_broken_off.set()
            for each in running:
                each.break_off()
            raise


def not_played(scenario: Scenario, seed: int, error: Exception) -> Result:
    """The result of a trial that has come to no end: all figures are 0, and it says why."""
    sentence = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    if not isinstance(error, StackError):
        sentence = f"{type(error).__name__}: {sentence}"
    return Result(scenario.name, seed, scenario.what, "", NOTHING, None, None, None, [], 0, [sentence])
