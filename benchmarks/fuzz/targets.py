"""All targets by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from benchmarks.fuzz import alerts, files, messages, seeds


class Target(NamedTuple):
    """One part of the product that reads what strangers send."""

    run: Callable[[bytes], str]
    """Read one input and return how that ended. Raises what the part does not declare."""
    seeds: Callable[[], list[bytes]]
    weight: int
    """Its share of the inputs of a counting run."""


_TARGETS: dict[str, Callable[[], Target]] = {
    "parse_reject": lambda: Target(messages.parse("reject"), seeds.messages, 34),
    "parse_drop": lambda: Target(messages.parse("drop"), seeds.messages, 25),
    "dead_letter": lambda: Target(messages.dead_letter, seeds.dead_letters, 8),
    "queue_letter": lambda: Target(messages.queue_letter, seeds.queue_letters, 6),
    "backfill_file": lambda: Target(files.backfill_file, seeds.backfill_files, 5),
    "contract_file": lambda: Target(files.contract_file, seeds.contracts, 4),
    "repair_rules": lambda: Target(files.repair_rules, seeds.repairs, 6),
    "alert": lambda: Target(alerts.alert, seeds.alerts, 6),
    "retry_after": lambda: Target(alerts.retry_after, seeds.retry_afters, 6),
}
NAMES = tuple(_TARGETS)


@cache
def target(name: str) -> Target:
    """Return the target called `name`; raises KeyError."""
    return _TARGETS[name]()
