"""The report from a warehouse of the emulator, as a user makes it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from local.__main__ import main
from local.report.findings import Findings, LedgerRow
from local.report.queries import Between, collect_findings, merge_points
from local.resources import bigquery_client
from local.sql import open_warehouse
from local.stack import Stack
from tests.local.html_page import Page
from tests.local.report_rows import HOSTILE, START, WINDOW, WINDOWS, insert, two_hours


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "state"
    with Stack(folder, parts={"bigquery"}) as stack:
        insert(bigquery_client(stack.environment["BIGQUERY_EMULATOR_HOST"], "local-shop"), two_hours())
    return folder


@pytest.fixture(scope="module")
def findings(state: Path) -> dict[str, Findings]:
    """What is found without limits, between two times, and with room for few."""
    with open_warehouse(state) as ask:
        return {
            "all": collect_findings(ask, Between()),
            "middle": collect_findings(ask, Between(START + 9 * WINDOW, START + 14 * WINDOW)),
            "after": collect_findings(ask, Between(START + 16 * WINDOW, None)),
            "early": collect_findings(ask, Between(START - 9 * WINDOW, START + WINDOW)),
            "few": collect_findings(ask, Between(), most_windows=5, most_alerts=1),
        }


def test_every_window_has_its_newest_count_and_what_was_expected(findings: dict[str, Findings]) -> None:
    orders = findings["all"].metrics["order_count"]
    assert [point.value for point in orders] == [
        *(500 if 10 <= window < 13 else 100 + window % 5 for window in range(WINDOWS)),
        0.0,  # a window without orders is judged, and is not in order_metrics
    ]
    assert [point.verdict for point in orders] == [
        *(
            "learning" if window < 4 else "spike" if 10 <= window < 13 else "normal"
            for window in range(WINDOWS)
        ),
        "silence",
    ]
    assert {(point.expected, round(point.low or 0.0, 1)) for point in orders[4:]} == {(101.0, 80.8)}
    assert {(point.expected, point.high) for point in orders[:4]} == {(None, None)}
    assert len(findings["all"].metrics["revenue"]) == WINDOWS
    assert findings["all"].windows_in_all == WINDOWS + 1


def test_windows_of_late_orders_alone_are_left_out_unless_they_are_asked_for(
    findings: dict[str, Findings],
) -> None:
    assert (findings["all"].windows_before, findings["early"].windows_before) == (2, 0)
    assert [point.value for point in findings["early"].metrics["order_count"]] == [1, 1, 100]
    assert findings["early"].windows_in_all == 3


def test_alert_is_one_life_from_its_records(findings: dict[str, Findings]) -> None:
    drop, spike = findings["all"].alerts
    assert (spike.alert_id, spike.severity, spike.breaches) == ("spike-1", "critical", 3)
    assert (spike.opened_at, spike.breached_until, spike.resolved_at) == (
        START + 10 * WINDOW,
        START + 13 * WINDOW,
        START + 16 * WINDOW,
    )
    assert (spike.summary[:11], spike.last_summary[:15]) == ("Orders open", "Orders resolved")
    assert (drop.alert_id, drop.resolved_at, drop.breaches) == ("drop-1", None, 2)
    assert drop.dimension_value == HOSTILE


def test_reasons_are_counted_and_have_their_newest_example(findings: dict[str, Findings]) -> None:
    assert [(reason.reason, reason.letters, reason.path) for reason in findings["all"].reasons] == [
        ("invalid_value", 7, "/status"),
        ("malformed_json", 3, ""),
    ]
    assert findings["all"].reasons[0].failed_at == START + 6 * WINDOW


def test_ledger_adds_up_and_shows_its_gap(findings: dict[str, Findings]) -> None:
    ledger = findings["all"].ledger
    assert ledger[2] == LedgerRow("user_activity", 40, 30, 1, 2)
    assert [(row.event_type, row.gap) for row in ledger] == [
        ("inventory", 0),
        ("order", 0),
        ("user_activity", 7),
    ]


def test_latency_is_of_streaming_runs_alone(findings: dict[str, Findings]) -> None:
    latency = findings["all"].latency
    assert [row.p50 for row in latency] == [40.0 + window for window in range(WINDOWS)]
    assert (latency[0].p95, latency[0].p99) == (90.0, 200.0)


def test_since_is_inclusive_and_until_exclusive(findings: dict[str, Findings]) -> None:
    middle = findings["middle"]
    starts = [START + window * WINDOW for window in range(9, 14)]
    assert [point.start for point in middle.metrics["order_count"]] == starts
    assert [row.start for row in middle.latency] == starts
    assert [alert.alert_id for alert in middle.alerts] == ["spike-1"]
    assert middle.reasons == []
    assert middle.ledger == [LedgerRow("inventory", 250, 245, 5, 0), LedgerRow("order", 550, 520, 5, 25)]


def test_alerts_that_had_ended_before_are_left_out(findings: dict[str, Findings]) -> None:
    assert [alert.alert_id for alert in findings["after"].alerts] == ["drop-1"]


def test_newest_windows_and_open_alerts_are_shown_if_there_are_too_many(
    findings: dict[str, Findings],
) -> None:
    few = findings["few"]
    assert [point.start for point in few.metrics["order_count"]] == [
        START + window * WINDOW for window in range(20, 25)
    ]
    assert len(few.latency) == 5
    assert (few.windows_in_all, few.latency_windows_in_all) == (WINDOWS + 1, WINDOWS)
    assert ([alert.alert_id for alert in few.alerts], few.alerts_in_all) == (["drop-1"], 2)


def test_metrics_know_more_than_the_judgement_did() -> None:
    window = {"window_start": START, "window_end": START + WINDOW}
    measured = {**window, "order_count": 7, "revenue": None, "average_order_value": 2.0}
    judged = {
        **window,
        **{"metric": "order_count", "value": 5.0, "expected": 6.0, "verdict": "normal"},
        **{"expected_low": 4.0, "expected_high": 8.0},
    }
    points = merge_points([measured], [judged])
    assert (points["order_count"][0].value, points["order_count"][0].expected) == (7, 6.0)
    assert (points["revenue"][0].value, points["revenue"][0].verdict) == (None, None)


def test_command_writes_the_page_and_says_where(
    state: Path, tmp_path: Path, local_command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    output = tmp_path / "report.html"
    ended = local_command("report", "--state", str(state), "--output", str(output))
    assert (ended.returncode, ended.stdout) == (0, f"The report: {output}\n"), ended.stderr
    text = output.read_text()
    read = Page(text)
    assert read.faults == []
    assert "<script" not in text
    assert HOSTILE in read.text_by_section["open_alerts"]
    assert "7 not accounted for" in read.text_by_section["ledger"]
    assert text.count('<rect class="window"') == 25 + 3 * WINDOWS


def test_empty_warehouse_makes_a_page_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stack(tmp_path / "state", parts={"bigquery"}):
        pass
    output = tmp_path / "report.html"
    assert main(["report", "--state", str(tmp_path / "state"), "--output", str(output)]) == 0
    said = Page(output.read_text()).text_by_section
    assert "There are no windows yet." in said["order_count"]
    assert "There is no ledger yet." in said["ledger"]
    assert capsys.readouterr().out == f"The report: {output}\n"


def test_report_without_a_warehouse_says_how_to_get_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report.html"
    assert main(["report", "--state", str(tmp_path), "--output", str(output)]) == 1
    assert capsys.readouterr().err == (
        f"There is no warehouse in {tmp_path}: run `make demo` first, or name its folder with --state.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            ["--since", "yesterday"],
            "argument --since: 'yesterday' is not RFC 3339, such as 2024-05-01T12:00:00Z",
        ),
        (
            ["--since", "2026-03-01T10:00:00Z", "--until", "2026-03-01T11:00:00+01:00"],
            "--until: must be later than --since",
        ),
        (
            ["--output", "no-such-folder/r.html"],
            "argument --output: 'no-such-folder/r.html' is not a file in a folder that exists",
        ),
    ],
)
def test_wrong_flag_of_report_ends_with_one_sentence(
    flags: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["report", *flags])
    assert (ended.value.code, capsys.readouterr().err) == (2, f"python -m local report: {sentence}\n")
    assert list(tmp_path.iterdir()) == []


def test_between_is_read_as_a_time_in_utc() -> None:
    since = datetime.fromisoformat("2026-03-01T11:00:00+00:00")
    assert Between(since, None).holds("t") == "t >= TIMESTAMP '2026-03-01T11:00:00+00:00'"
    assert Between().holds("t") == "TRUE"
