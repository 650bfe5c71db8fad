"""What a scenario is, and the result of one trial of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from local.chaos.outcome import Outcome

if TYPE_CHECKING:
    from local.chaos.trial import Trial


class Proof(NamedTuple):
    """What shows that a trial had its fault. One without it shows nothing, and has failed."""

    faults: int = 1
    """At least so many requests, calls or processes must have met it."""
    kills: int = 0
    """Exactly so many pipelines must have ended by SIGKILL."""
    letters_share: float = 0.0
    """At least this share of what was published must be no valid event."""


class Scenario(NamedTuple):
    """What goes wrong, and what must come of it."""

    name: str
    what: str
    """One sentence."""
    play: Callable[[Trial], None]
    """Makes the faults while messages are published; returns when they are over."""
    generator: Mapping[str, str | float] = {}
    pipeline: Mapping[str, str | float] = {}
    recovered_when: str = "written"
    """`written`: a message is back when its row is written; `acknowledged`: when all its sinks have it."""
    proof: Proof = Proof()
    control: str = ""
    """The figure of Outcome that must not be 0: the fault must be seen to bite."""
    publishes: bool = True
    """Whether the generator publishes; else the scenario does."""
    faults_in_publishing: bool = False
    """Whether the generator meets the faults of Pub/Sub, too; else it goes past the proxy."""
    held_up_seconds: float = 0.0
    """What is published so long after an outage counts as published during it: it held producers up."""


class Result(NamedTuple):
    """What came of one trial."""

    scenario: str
    seed: int
    what: str
    control: str
    outcome: Outcome
    outage_seconds: float | None
    recovery_seconds: float | None
    """From the end of the outage until everything published during it is back."""
    all_back_seconds: float | None
    """The same for everything published until then: with what a dead process had leased."""
    exit_codes: list[int]
    """Of pipelines that ended unasked."""
    faults: int
    """Requests, calls and processes that met a fault."""
    failures: list[str]
    """What speaks against the product or against the trial itself; empty if the trial is passed."""
