"""What became of replayed messages: landed, refused again, or not yet seen."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from google.cloud import bigquery

from pipeline.contract import Contract
from pipeline.replay.warehouse import Warehouse

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
"""Each look reads the event_ids of the event tables, so the pauses double."""


class Outcome(NamedTuple):
    """Replayed messages of one run, counted."""

    landed: int
    """Their event is in its table."""
    refused: Counter[str]
    """They are dead letters again, by reason."""
    unseen: int
    """Neither, so far. docs/replay.md says what else than waiting it may mean."""


def look(warehouse: Warehouse, contract: Contract, replay_id: str) -> Outcome:
    """Look once; raises as Warehouse.ask."""
    tables = [(table.event_type, name) for name, table in contract.tables.items() if table.event_type]
    landed = " UNION ALL ".join(
        f"SELECT mine.message_id FROM mine JOIN {warehouse.name(name)} AS events USING (event_id) "
        f"WHERE mine.event_type = '{event_type}'"
        for event_type, name in tables
    )
    question = f"""
        WITH mine AS (
          SELECT message_id, event_type, event_id, replayed_at
          FROM {warehouse.name("replays")} WHERE replay_id = @replay_id),
        refused AS (
          SELECT mine.message_id, MIN(letters.reason) AS reason
          FROM mine JOIN {warehouse.name("dead_letters")} AS letters USING (message_id)
          GROUP BY mine.message_id),
        landed AS (SELECT DISTINCT message_id AS landed_id FROM ({landed}) AS found)
        SELECT refused.reason AS reason, landed_id IS NOT NULL AS is_landed,
          COUNT(DISTINCT mine.message_id) AS n
        FROM mine
        LEFT JOIN refused ON refused.message_id = mine.message_id
        LEFT JOIN landed ON landed_id = mine.message_id
        GROUP BY reason, is_landed"""
    parameters = [bigquery.ScalarQueryParameter("replay_id", "STRING", replay_id)]
    landed_count, unseen, refused = 0, 0, Counter[str]()
    for row in warehouse.ask(question, parameters):
        if row["reason"] is not None:
            # Also if the event is in its table: another message has brought it there.
            refused[row["reason"]] += row["n"]
        elif row["is_landed"]:
            landed_count += row["n"]
        else:
            unseen += row["n"]
    return Outcome(landed_count, refused, unseen)


def follow(
    warehouse: Warehouse,
    contract: Contract,
    replay_id: str,
    wait_seconds: float,
    stopped: Callable[[], bool],
    show: Callable[[Outcome], None],
) -> Outcome:
    """Look until every message is seen, `wait_seconds` have passed, or the run is stopped."""
    deadline = time.monotonic() + wait_seconds
    pause_seconds = FIRST_PAUSE_SECONDS
    while True:
        outcome = look(warehouse, contract, replay_id)
        show(outcome)
        until = min(time.monotonic() + pause_seconds, deadline)
        if outcome.unseen == 0 or until <= time.monotonic():
            return outcome
        while time.monotonic() < until:
            if stopped():
                return outcome
            time.sleep(0.1)
        pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
