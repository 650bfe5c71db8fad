"""How much BigQuery is asked, and how much it answers, where much is wrong."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pytest

from pipeline.contract import load_contract
from pipeline.reconcile import run
from pipeline.reconcile.span import Span
from pipeline.reconcile.warehouse import Warehouse
from tests.endtoend.events import event
from tests.endtoend.plant import Plant
from tests.reconcile.command import reconcile

BEGIN_S = 1_772_445_600  # 2026-03-02T10:00:00Z
ROWS = """INSERT INTO inventory_logs (inventory_id, product_id, warehouse_id, quantity_change,
    reason, timestamp, event_id, schema_version, is_late, publish_time, processed_at)
    SELECT 'i', 'p', 'w', 1, 'sale', TIMESTAMP '{time}', CONCAT('e', CAST(n AS STRING)), 1, FALSE,
    TIMESTAMP '{time}', TIMESTAMP '{time}' FROM UNNEST(GENERATE_ARRAY(10, {last})) AS n"""


class Counting(Warehouse):
    """Counts the rows of answers."""

    rows = 0

    def ask(self, question: str, parameters: Any = ()) -> Iterator[Any]:
        for row in super().ask(question, parameters):
            self.rows += 1
            yield row


@pytest.mark.slow
def test_answers_are_short_where_much_is_wrong(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A view that shows much twice: ten ids of each window come.
    for time in ("2026-03-02T10:00:01Z", "2026-03-02T10:00:02Z"):
        plant.warehouse.ask(ROWS.format(time=time, last=34))
    plant.warehouse.ask(ROWS.format(time="2026-03-02T10:00:07Z", last=10).replace("'e'", "'f'"))
    plant.warehouse.ask(ROWS.format(time="2026-03-02T10:00:07Z", last=10).replace("'e'", "'f'"))
    plant.warehouse.ask("CREATE OR REPLACE VIEW inventory_logs_deduplicated AS SELECT * FROM inventory_logs")
    with mock.patch.dict(os.environ, plant.stack.environment):
        warehouse = Counting(plant.dataset, load_contract())
        found = list(warehouse.shown_twice(Span(BEGIN_S, BEGIN_S + 60, 5)))
    ten = tuple(f"e{number}" for number in range(10, 20))
    assert [(each.start_s, each.number, each.event_ids) for each in found] == [
        (BEGIN_S, 25, ten),
        (BEGIN_S + 5, 1, ("f10",)),
    ]
    assert warehouse.rows == 11

    # Messages that are not in the range may be copies of events of the day before: the ids of more than some
    # are not asked for, but read once.
    plant.warehouse.ask(ROWS.format(time="2026-03-01T10:00:00Z", last=12).replace("'e'", "'before-'"))
    plant.warehouse.ask(
        """INSERT INTO data_quality_metrics (window_start, window_end, event_type, run_id, run_mode,
             pane_index, pane_timing, emitted_at, received, accepted, duplicates, rejected)
           VALUES (TIMESTAMP '2026-03-02T11:00:00Z', TIMESTAMP '2026-03-02T11:00:05Z', 'inventory', 'r',
             'streaming', 0, 'on_time', TIMESTAMP '2026-03-02T11:00:06Z', 2, 0, 2, 0)"""
    )
    payload = base64.b64encode(orjson.dumps(event("inventory", timestamp="2026-03-02T11:00:00Z"))).decode()
    archive = tmp_path / "raw.jsonl"
    archive.write_bytes(
        b"\n".join(
            orjson.dumps(
                {
                    "data": payload,
                    "attributes": {"event_type": "inventory", "event_id": event_id},
                    "message_id": f"m-{event_id}",
                    "publish_time": "2026-03-02T11:00:01Z",
                }
            )
            for event_id in ("before-11", "before-12", "never-seen")
        )
    )
    span = ("--since=2026-03-02T11:00:00Z", "--until=2026-03-02T11:00:05Z")
    for most in (20, 0):
        monkeypatch.setattr(run, "MAX_LOOKUPS", most)
        ended = reconcile(plant, *span, f"--input_path={archive}", "--json")
        found = [(each["finding"], each["count"], each["message_ids"]) for each in ended.answer["findings"]]
        assert (found, ended.err) == ([("lost", 1, ["m-never-seen"])], "")
