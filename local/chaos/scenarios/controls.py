"""Controls: the same faults with the defence taken away, which must do damage, or the suite shows nothing."""

from __future__ import annotations

import threading

from local.chaos.http_proxy import never
from local.chaos.inserts import for_inserts
from local.chaos.scenario import Proof, Scenario
from local.chaos.scenarios.pubsub import published_twice
from local.chaos.trial import Trial

MISSING_ROWS = 3
UNDER_WAY_SECONDS = 0.5
"""So long an insert may take that had passed the proxy before: what it brings is not lost."""


def kill_with_early_acknowledgement(trial: Trial) -> None:
    """Kill Beam's own read while something is acknowledged and not written."""
    events, met = set(trial.expected.table_of.values()), threading.Event()
    trial.wait_until_flowing()
    with (
        trial.outage() as over,
        # The worker must be held up with events in its hands, and not with metrics.
        trial.bigquery.fault(for_inserts(never(over, met), lambda table: table in events)),
    ):
        trial.wait_for(met.is_set, 30.0, "Nothing has met the fault")
        trial.sleep(UNDER_WAY_SECONDS)
        trial.wait_for(
            lambda: trial.acknowledged_and_not_written() >= MISSING_ROWS,
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
        faults_in_publishing=True,
    ),
    Scenario(
        "control-early-acknowledgement",
        "Control: kill -9 of Beam's own read, which acknowledges before anything is written.",
        kill_with_early_acknowledgement,
        generator={"rate": 20, "seconds": 8},
        pipeline={"pubsub_read": "stock"},
        proof=Proof(kills=1),
        control="acknowledged_and_lost",
    ),
)
