"""The machine: the pipeline killed, the disk full."""

from __future__ import annotations

from local.chaos.scenario import Proof, Scenario
from local.chaos.scenarios.outages import outage_under_load
from local.chaos.trial import Trial

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
    with outage_under_load(trial):
        trial.supervisor.limit_files(SMALL_FILE_BYTES)
        trial.outlast()
        # Nobody else sees what a process writes into a folder: that it ends is how the fault shows.
        trial.wait_for(lambda: bool(trial.supervisor.exit_codes), 30.0, "Nothing has met the full disk")
        trial.note_fault()
        trial.supervisor.limit_files(None)


MACHINE = (
    Scenario("kill", "kill -9 of the pipeline under load.", kill, proof=Proof(faults=0, kills=1)),
    Scenario(
        "kill-twice",
        "kill -9, and again, of the one that has followed.",
        kill_twice,
        proof=Proof(faults=0, kills=2),
    ),
    Scenario(
        "disk-full-lake",
        "The lake is a folder of this machine, and its disk is full.",
        full_disk_of_the_lake,
        pipeline={"output_bucket": "folder"},
        recovered_when="acknowledged",
    ),
)
