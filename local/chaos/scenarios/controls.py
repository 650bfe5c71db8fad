"""Controls: the same faults with the defence taken away, which must do damage, or the suite shows nothing."""

from __future__ import annotations

from local.chaos.http_proxy import slow
from local.chaos.inserts import for_inserts
from local.chaos.scenarios.pubsub import published_twice
from local.chaos.trial import Scenario, Trial

MISSING_ROWS = 10


def kill_with_early_acknowledgement(trial: Trial) -> None:
    """Kill Beam's own read while it has acknowledged more than it has written."""
    trial.wait_until_flowing()
    with trial.bigquery.fault(for_inserts(slow(3.0))):
        acknowledged, rows = len(trial.pubsub.acknowledged_at()), trial.journal.count()
        trial.wait_for(
            lambda: (
                len(trial.pubsub.acknowledged_at()) - acknowledged
                >= trial.journal.count() - rows + MISSING_ROWS
            ),
            60.0,
            "Beam's own read acknowledges nothing before it is written",
        )
        trial.supervisor.kill()


CONTROLS = (
    Scenario(
        "control-no-deduplication",
        "Control: published twice, and event ids are forgotten after a second.",
        published_twice,
        pipeline={"dedup_ttl_seconds": 1},
        control="duplicated_raw",
    ),
    Scenario(
        "control-early-acknowledgement",
        "Control: kill -9 of Beam's own read, which acknowledges before anything is written.",
        kill_with_early_acknowledgement,
        generator={"rate": 20, "seconds": 8},
        pipeline={"pubsub_read": "stock"},
        control="lost",
    ),
)
