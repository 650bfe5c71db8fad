"""Whether a trial is passed: the product kept its promise, and the trial had its fault."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import NamedTuple

from local.chaos.outcome import Outcome
from local.chaos.scenario import Proof, Scenario


class Seen(NamedTuple):
    """What a trial has come to."""

    outcome: Outcome
    published: int
    """By those who publish: what Pub/Sub has taken."""
    faults: int
    exit_codes: Sequence[int]
    """Of pipelines that ended unasked."""
    is_settled: bool
    """Whether everything was acknowledged in time."""
    drain_code: int
    """Exit code of the last pipeline, which was asked to drain."""


def failures(scenario: Scenario, seen: Seen) -> list[str]:
    """Say what speaks against the product or the trial; nothing if the trial is passed."""
    said = _of_proof(scenario.proof, seen)
    said += _of_control(scenario, seen) if scenario.control else _of_product(seen)
    if not seen.is_settled:
        said.append("not everything was acknowledged in time")
    return said


def _of_proof(proof: Proof, seen: Seen) -> list[str]:
    outcome, said = seen.outcome, []
    if outcome.published == 0:
        said.append("nothing was published")
    if seen.published > outcome.published:
        said.append(f"{seen.published} messages were published, Pub/Sub got {outcome.published}")
    if seen.faults < proof.faults:
        said.append(f"the fault has met nothing: {seen.faults}, not at least {proof.faults}")
    kills = [code for code in seen.exit_codes if code == -signal.SIGKILL]
    if len(kills) != proof.kills:
        said.append(f"{len(kills)} pipelines were killed, not {proof.kills}")
    if outcome.letters_expected < proof.letters_share * outcome.published:
        said.append(
            f"only {outcome.letters_expected} of {outcome.published} messages are no valid events, "
            f"not {proof.letters_share:.0%}"
        )
    return said


def _of_product(seen: Seen) -> list[str]:
    outcome = seen.outcome
    said = [
        f"{word} is {number}, not 0"
        for word, number in (
            ("lost", outcome.lost),
            ("duplicated in the views", outcome.duplicated),
            ("unexpected", outcome.unexpected),
        )
        if number
    ]
    if seen.drain_code != 0:
        said.append(f"the pipeline's last process did not drain: exit code {seen.drain_code}")
    return said


def _of_control(scenario: Scenario, seen: Seen) -> list[str]:
    """Judge a control: it must do its damage, by its own fault and no other.

    How its last process drains is no matter: Beam's own read may not hear that it is asked to.
    """
    said = []
    if getattr(seen.outcome, scenario.control) == 0:
        said.append(f"the control shows no damage: {scenario.control} is 0")
    others = [code for code in seen.exit_codes if code != -signal.SIGKILL]
    if others:
        said.append(f"the control's pipeline ended by itself: exit codes {others}")
    return said
