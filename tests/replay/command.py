"""`python -m pipeline.replay` on a plant's resources."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from pipeline.replay.__main__ import main
from tests.endtoend.in_process import Ended, run_in_process
from tests.endtoend.pipeline_process import REPOSITORY
from tests.endtoend.plant import Plant

FROM_TABLE = "table"
FROM_SUBSCRIPTION = "subscription"


def arguments(plant: Plant, source: str, *flags: str) -> list[str]:
    """The flags for a plant; of two flags of one name the last counts."""
    given = [f"--from={source}", f"--bq_dataset={plant.dataset}", f"--topic={plant.topic}"]
    if source == FROM_SUBSCRIPTION:
        given += [f"--dlq_subscription={plant.dlq_subscription}", "--idle_seconds=0.5"]
    return [*given, "--wait_seconds=0", *flags]


def replay(plant: Plant, source: str, *flags: str) -> Ended:
    return run_in_process(main, plant, arguments(plant, source, *flags))


def start(plant: Plant, source: str, *flags: str) -> subprocess.Popen[str]:
    """Replay in a process of its own, as a user does."""
    command: Sequence[str] = [sys.executable, "-m", "pipeline.replay", *arguments(plant, source, *flags)]
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **plant.stack.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
