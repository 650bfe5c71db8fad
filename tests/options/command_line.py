"""Command lines of the pipeline, right ones to start from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.command_flags import Flag
from pipeline.flags import all_flags
from pipeline.options import Job, parse_job

REPOSITORY = Path(__file__).resolve().parents[2]
GIVEN = {
    "input_subscription": "projects/local-shop/subscriptions/events-sub",
    "output_bucket": "gs://shop-events-output",
    "bq_dataset": "local-shop:ecommerce_events",
}
"""A value for each required flag."""

Complaint = Callable[..., str]


def named(choose: Callable[[Flag], object]) -> list[object]:
    """The flags that `choose` chooses, under their names."""
    return [pytest.param(flag, id=flag.name) for flag in all_flags() if choose(flag)]


def is_numeric(flag: Flag) -> bool:
    return flag.type in (int, float)


def argv(*changes: str, without: str = "") -> list[str]:
    """The required flags, a name for the run, then `changes`."""
    given = [f"--{name}={value}" for name, value in GIVEN.items() if name != without]
    return [*given, "--run_id=test", *changes]


def job(*changes: str) -> Job:
    return parse_job(argv(*changes))
