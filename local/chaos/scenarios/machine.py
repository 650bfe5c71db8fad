"""The machine: the pipeline killed, the disk full."""

from __future__ import annotations

import resource

from local.chaos.supervisor import limit_files_of
from local.chaos.trial import Scenario, Trial
from local.errors import StackError

SMALL_FILE_BYTES = 100


def kill(trial: Trial) -> None:
    """Kill the pipeline under load, at a moment the seed decides."""
    trial.wait_until_flowing()
    trial.pause(0.3, 4)
    with trial.outage():
        trial.supervisor.kill()
        trial.supervisor.wait_until_reading()


def kill_twice(trial: Trial) -> None:
    """Kill the successor, too, at work or still starting."""
    trial.wait_until_flowing()
    trial.pause(0.3, 3)
    with trial.outage():
        trial.supervisor.kill()
        trial.pause(0.5, 9)
        trial.supervisor.kill()
        trial.supervisor.wait_until_reading()


def full_disk_of_the_lake(trial: Trial) -> None:
    """Let the pipeline, which writes its lake into a folder, make no file larger than some bytes."""
    trial.wait_until_flowing()
    trial.pause(0.3, 2)
    with trial.outage():
        trial.supervisor.limit_files(SMALL_FILE_BYTES)
        trial.pause(3, 7)
        trial.supervisor.limit_files(None)


def full_disk_of_the_bucket(trial: Trial) -> None:
    """Let the storage emulator make no file larger than some bytes."""
    pid = trial.stack.service("storage").pid
    if pid is None:
        raise StackError("The stack has no storage emulator.")
    trial.wait_until_flowing()
    trial.pause(0.3, 2)
    with trial.outage():
        limit_files_of(pid, SMALL_FILE_BYTES)
        try:
            trial.pause(3, 7)
        finally:
            limit_files_of(pid, resource.RLIM_INFINITY)


MACHINE = (
    Scenario("kill", "kill -9 of the pipeline under load.", kill),
    Scenario("kill-twice", "kill -9, and again, of the one that has followed.", kill_twice),
    Scenario(
        "disk-full-lake",
        "The lake is a folder of this machine, and its disk is full.",
        full_disk_of_the_lake,
        pipeline={"output_bucket": "folder"},
        recovered_when="acknowledged",
    ),
    Scenario(
        "disk-full-bucket",
        "The disk of the storage emulator is full.",
        full_disk_of_the_bucket,
        recovered_when="acknowledged",
    ),
)
