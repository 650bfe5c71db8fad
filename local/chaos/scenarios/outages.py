"""Outages that several scenarios share: they begin under load, at a moment the seed decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from local.chaos.trial import Trial


@contextmanager
def outage_under_load(trial: Trial) -> Iterator[threading.Event]:
    """Wait for rows and somewhat longer; then the time between is an outage, as in `Trial.outage`."""
    trial.wait_until_flowing()
    trial.pause(0.3, 2)
    with trial.outage() as over:
        yield over


def meet(trial: Trial, fault: AbstractContextManager[None]) -> None:
    """An outage whose fault meets at least one request or call."""
    with outage_under_load(trial), fault:
        trial.outlast()
        trial.wait_until_met()


def restarted(
    name: str, patience_seconds: float, least_seconds: float, most_seconds: float
) -> Callable[[Trial], None]:
    """An emulator is asked to end, killed if it does not, and after a pause started again on its data."""

    def play(trial: Trial) -> None:
        emulator = trial.stack.service(name)
        with outage_under_load(trial):
            emulator.ask_to_end()
            emulator.wait_until_ended(patience_seconds)
            trial.pause(least_seconds, most_seconds)
            trial.wait_until_met()
            emulator.start()
            emulator.wait_until_it_answers(60.0, lambda: False)

    return play
