"""Which incident an alert belongs to, and whether it went through its whole life."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local.demo_alerts import (
    END_OF_RUN,
    Incident,
    ToldAlert,
    complete_alerts,
    read_alert_log,
    read_incidents,
    tell,
)
from local.demo_program import AlertPrinter
from local.report.findings import AlertLife

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


INCIDENTS = [
    Incident("bad_deploy", after(26.5), after(36.5)),
    Incident("order_spike", after(46.5), after(56.5)),
]
PUBLISHED_UNTIL = after(76.5)


def life(alert_id: str = "a", opened: float = 45, resolved: float | None = 65, **changes: Any) -> AlertLife:
    alert = AlertLife(
        alert_id=alert_id,
        kind="spike",
        severity="critical",
        metric="order_count",
        dimension="all",
        dimension_value="all",
        opened_at=after(opened),
        breached_until=after(opened + 10),
        resolved_at=None if resolved is None else after(resolved),
        breaches=2,
        summary="Orders rose.",
        last_summary="Orders are back.",
        query=None,
    )
    return alert._replace(**changes)


def delivered(alert_id: str, state: str, seconds: float) -> dict[str, str]:
    return {"alert_id": alert_id, "state": state, "delivered_at": after(seconds).isoformat()}


def told(alert: AlertLife, *lines: dict[str, str]) -> ToldAlert:
    (one,) = tell([alert], lines, INCIDENTS, PUBLISHED_UNTIL)
    return one


@pytest.mark.parametrize(
    ("opened", "incident"),
    [
        (15, None),
        (20, "bad_deploy"),  # orders published with the first faults may lie in it
        (35, "bad_deploy"),
        (40, "bad_deploy"),  # the window after its end
        (45, "order_spike"),
        (60, "order_spike"),
        (65, None),
        (70, END_OF_RUN),  # the window in which the last order came
        (80, END_OF_RUN),
    ],
)
def test_alert_belongs_to_the_incident_in_which_it_opened(opened: float, incident: str | None) -> None:
    assert told(life(opened=opened, kind="drop")).incident == incident


def test_alert_between_two_incidents_belongs_to_the_one_it_must_tell_of() -> None:
    both = life(opened=40), life(opened=40, kind="low_validity"), life(opened=40, kind="drop")
    near = [INCIDENTS[0], INCIDENTS[1]._replace(start=after(42))]
    told_of = tell(both, [], near, PUBLISHED_UNTIL)
    assert {alert.life.kind: alert.incident for alert in told_of} == {
        "spike": "order_spike",
        "low_validity": "bad_deploy",
        "drop": "bad_deploy",
    }


def test_alert_arrived_when_the_function_first_told_of_it() -> None:
    alert = told(
        life(),
        delivered("a", "ongoing", 57),
        delivered("a", "open", 51),
        delivered("a", "open", 52),
        delivered("b", "open", 50),
    )
    assert alert.arrived_at == after(51)
    assert alert.delivered_at == {"ongoing": after(57), "open": after(51)}
    assert told(life()).arrived_at is None


@pytest.mark.parametrize(
    ("states", "resolved", "is_complete"),
    [
        (("open", "ongoing", "resolved"), 65, True),
        (("resolved", "open"), 65, True),
        (("open", "ongoing"), 65, False),  # nobody heard of its end
        (("resolved",), 65, False),  # nobody heard of its beginning
        (("open", "resolved"), None, False),  # its end is not in the table
    ],
)
def test_life_is_complete_when_both_its_ends_were_recorded_and_told(
    states: tuple[str, ...], resolved: float | None, is_complete: bool
) -> None:
    alert = told(life(resolved=resolved), *(delivered("a", state, 60) for state in states))
    assert alert.is_complete is is_complete


@pytest.mark.parametrize(
    ("changes", "counted"),
    [({}, 1), ({"kind": "drop"}, 0), ({"opened": 30}, 0), ({"resolved": None}, 0)],
)
def test_incident_is_told_by_an_alert_of_its_kind_in_its_time(changes: dict[str, Any], counted: int) -> None:
    alert = told(life(**changes), delivered("a", "open", 50), delivered("a", "resolved", 66))
    assert complete_alerts([alert], "order_spike") == counted
    assert complete_alerts([alert], "bad_deploy") == 0


def test_alerts_are_told_in_the_order_in_which_they_opened() -> None:
    lives = [life("c", 50), life("b", 45), life("a", 45, kind="drop")]
    assert [alert.life.alert_id for alert in tell(lives, [], INCIDENTS, PUBLISHED_UNTIL)] == ["a", "b", "c"]


def test_labels_are_read_as_the_generator_writes_them(tmp_path: Path) -> None:
    label = {"kind": "bad_deploy", "start": "2026-03-01T10:00:26.5Z", "end": "2026-03-01T10:00:36.5Z"}
    (tmp_path / "labels.jsonl").write_text(json.dumps({**label, "factor": 0.5}) + "\n")
    assert read_incidents(tmp_path / "labels.jsonl") == INCIDENTS[:1]


def test_half_a_line_of_the_log_is_left_for_later(tmp_path: Path) -> None:
    log = tmp_path / "alerts.jsonl"
    assert read_alert_log(log) == []
    log.write_text('{"alert_id": "a"}\n{"alert_id"')
    assert read_alert_log(log) == [{"alert_id": "a"}]


def test_alerts_are_printed_as_they_arrive_and_once(tmp_path: Path) -> None:
    log, console = tmp_path / "alerts.jsonl", Console(record=True, width=200)
    line = {"severity": "critical", "kind": "spike", "state": "open", "summary": "Orders rose [red]."}
    with AlertPrinter(log, console), log.open("w") as file:
        for state in ("open", "resolved"):
            file.write(json.dumps({**line, "state": state}) + "\n")
            file.flush()
            time.sleep(0.7)  # it looks more than once meanwhile
    assert console.export_text().splitlines() == [
        "       alert  critical spike, open: Orders rose [red].",
        "       alert  critical spike, resolved: Orders rose [red].",
    ]
