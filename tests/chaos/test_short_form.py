"""The chaos suite in short: kill -9, BigQuery away, answers lost, half of it invalid, and both controls."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from local.chaos.report import markdown
from local.chaos.run import run_trials
from local.chaos.scenario import Result
from local.chaos.scenarios import SCENARIOS
from local.stack import Stack

SEED = 1
OUTAGE_SECONDS = 2.0
"""Publishing takes as much longer as an outage."""
MOSTLY_INVALID = {"malformed_share": 0.5, "duplicate_share": 0.02}
TRIALS = {
    # In the long form invalid messages are a scenario of their own, and so is the control of the
    # de-duplication, which here is what kill -9 leaves in the tables themselves.
    "control-early-acknowledgement": {"seconds": 4},
    "kill": {"seconds": 3},
    "bigquery-503": {"seconds": 3},
    "storage-answer-lost": {"seconds": 3, **MOSTLY_INVALID},
}
FAULTS_MET = ("bigquery-503", "storage-answer-lost")


@pytest.fixture(scope="module")
def results(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Result]:
    trials = [
        (SCENARIOS[name]._replace(generator={**SCENARIOS[name].generator, **changes}), SEED)
        for name, changes in TRIALS.items()
    ]
    # All at once, since most of a trial is waiting, and on one stack: none of them ends a part of it.
    folder, stacks = tmp_path_factory.mktemp("chaos"), [stack] * len(trials)
    found = run_trials(trials, folder, stacks, outage_seconds=OUTAGE_SECONDS)
    print(markdown(found))
    return {result.scenario: result for result in found}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["kill", "bigquery-503", "storage-answer-lost"])
def test_nothing_is_lost_and_nothing_is_there_twice(name: str, results: Mapping[str, Result]) -> None:
    result = results[name]
    outcome = result.outcome
    assert result.failures == []
    assert (outcome.lost, outcome.duplicated, outcome.unexpected) == (0, 0, 0)
    assert outcome.letters_seen == outcome.letters_expected > 0
    assert outcome.published > 100
    # The faults themselves were there.
    assert result.exit_codes == ([-9] if name == "kill" else [])
    assert (result.faults > 0) == (name in FAULTS_MET)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_without_the_views_there_are_duplicates(results: Mapping[str, Result]) -> None:
    assert results["kill"].outcome.duplicated_raw > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_with_early_acknowledgement_messages_are_lost(results: Mapping[str, Result]) -> None:
    result = results["control-early-acknowledgement"]
    assert result.failures == []
    assert result.outcome.acknowledged_and_lost > 0
