"""What arrives where, and how often."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.function.conftest import (
    PAGERDUTY_PATH,
    ROUTING_KEY,
    SLACK_PATH,
    TOKEN,
    WEBHOOK_PATH,
    StartFunction,
)
from tests.function.function_process import FunctionProcess
from tests.function.recording_server import Answer, RecordingServer

Alert = dict[str, Any]


def notified(target: RecordingServer) -> dict[str, int]:
    paths = {"slack": SLACK_PATH, "pagerduty": PAGERDUTY_PATH, "webhook": WEBHOOK_PATH}
    return {name: len(target.to(path)) for name, path in paths.items()}


def file_lines(all_channels: dict[str, str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(all_channels["ALERT_FILE"]).read_text().splitlines()]


def test_push_request_reaches_every_channel(
    function: FunctionProcess, target: RecordingServer, all_channels: dict[str, str], alert: Alert
) -> None:
    assert function.push(alert).status_code == 200
    assert notified(target) == {"slack": 1, "pagerduty": 1, "webhook": 1}
    assert [line["alert_id"] for line in file_lines(all_channels)] == [alert["alert_id"]]
    assert len(function.lines(channel="console")) == 1


def test_binary_cloud_event_reaches_every_channel(
    function: FunctionProcess, target: RecordingServer, all_channels: dict[str, str], alert: Alert
) -> None:
    assert function.event(json.dumps(alert).encode()).status_code == 200
    assert notified(target) == {"slack": 1, "pagerduty": 1, "webhook": 1}
    assert [line["alert_id"] for line in file_lines(all_channels)] == [alert["alert_id"]]
    assert len(function.lines(channel="console")) == 1


def test_message_that_comes_three_times_notifies_each_channel_once(
    function: FunctionProcess, target: RecordingServer, all_channels: dict[str, str], alert: Alert
) -> None:
    answers = [function.push(alert), function.event(json.dumps(alert).encode()), function.push(alert)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert notified(target) == {"slack": 1, "pagerduty": 1, "webhook": 1}
    assert len(file_lines(all_channels)) == 1
    assert len([line for line in function.lines(channel="console") if "alert" in line]) == 1


def test_every_state_of_an_alert_is_told(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    for state in ("open", "ongoing", "ongoing", "resolved"):
        assert function.push({**alert, "state": state}).status_code == 200
    assert [sent.json()["state"] for sent in target.to(WEBHOOK_PATH)] == ["open", "ongoing", "resolved"]


def test_console_line_is_what_cloud_logging_reads(function: FunctionProcess, alert: Alert) -> None:
    function.push(alert)
    function.push({**alert, "state": "resolved"})
    opened, resolved = function.lines(channel="console")
    assert opened == {
        "severity": "ERROR",
        "message": alert["summary"],
        "channel": "console",
        "alert": alert,
    }
    assert resolved["severity"] == "NOTICE"


def test_file_line_holds_the_alert_and_when_it_was_delivered(
    function: FunctionProcess, all_channels: dict[str, str], alert: Alert
) -> None:
    function.push({**alert, "summary": "Zwei\nZeilen: Größe"})
    (line,) = file_lines(all_channels)
    assert line.pop("delivered_at").endswith("Z")
    assert line == {**alert, "summary": "Zwei\nZeilen: Größe", "channel": "file"}


def test_pagerduty_resolves_what_it_opened(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    function.push(alert)
    function.push({**alert, "state": "resolved"})
    opened, resolved = (sent.json() for sent in target.to(PAGERDUTY_PATH))
    details = opened["payload"].pop("custom_details")
    assert opened == {
        "routing_key": ROUTING_KEY,
        "dedup_key": alert["alert_id"],
        "event_action": "trigger",
        "client": "e-commerce event pipeline",
        "payload": {
            "summary": alert["summary"],
            "source": "country:DE",
            "severity": "error",
            "timestamp": alert["emitted_at"],
            "component": "order_count",
            "group": "country",
            "class": "spike",
        },
    }
    assert details == alert
    assert resolved == {
        "routing_key": ROUTING_KEY,
        "dedup_key": alert["alert_id"],
        "event_action": "resolve",
    }


def test_breaches_in_a_row_reach_more_channels(
    function: FunctionProcess, target: RecordingServer, all_channels: dict[str, str], alert: Alert
) -> None:
    heard = []
    for breaches in range(1, 7):
        state = "open" if breaches == 1 else "ongoing"
        assert function.push({**alert, "state": state, "breaches": breaches}).status_code == 200
        console = [line for line in function.lines(channel="console") if "alert" in line]
        path = Path(all_channels["ALERT_FILE"])
        lines = len(file_lines(all_channels)) if path.exists() else 0
        heard.append((notified(target)["pagerduty"], len(console), lines, notified(target)["slack"]))
    # One breach opens the incident, three are for the console and the file, five for Slack; each state once.
    assert heard == [(1, 0, 0, 0), (2, 0, 0, 0), (2, 1, 1, 0), (2, 1, 1, 0), (2, 1, 1, 1), (2, 1, 1, 1)]
    assert function.push({**alert, "state": "resolved", "breaches": 6}).status_code == 200
    assert notified(target) == {"slack": 2, "pagerduty": 3, "webhook": 3}


def test_bounds_of_breaches_are_settings(
    start_function: StartFunction, all_channels: dict[str, str], target: RecordingServer, alert: Alert
) -> None:
    function = start_function(
        **all_channels, SLACK_MIN_BREACHES="2", PAGERDUTY_MIN_BREACHES="3", FILE_MIN_BREACHES="1"
    )
    for breaches in (1, 2):
        function.push({**alert, "state": "open" if breaches == 1 else "ongoing", "breaches": breaches})
    assert notified(target) == {"slack": 1, "pagerduty": 0, "webhook": 2}
    assert [line["state"] for line in file_lines(all_channels)] == ["open", "ongoing"]


def test_every_alert_leaves_a_line_even_if_no_channel_is_told(
    start_function: StartFunction, target: RecordingServer, alert: Alert
) -> None:
    function = start_function(ALERT_CHANNELS="console")
    assert function.push({**alert, "breaches": 2}).status_code == 200
    (came,) = function.lines(message="An alert came")
    assert came == {
        "severity": "INFO",
        "message": "An alert came",
        "alert_id": alert["alert_id"],
        "state": "open",
        "kind": "spike",
        "alert_severity": "error",
        "breaches": 2,
        "summary": alert["summary"],
    }
    (end,) = function.lines(message="What became of the alert")
    assert end["channels"] == {"console": "breaches in a row: 2, told from 3 on"}


def test_control_characters_do_not_reach_who_reads_the_log(function: FunctionProcess, alert: Alert) -> None:
    function.push({**alert, "summary": "\x1b[2J\x1b]0;owned\x07 line\nline \u202e \x9b größe 😀"})
    (line,) = function.lines(channel="console", severity="ERROR")
    assert line["message"] == r"\x1b[2J\x1b]0;owned\x07 line\nline \u202e \x9b größe 😀"


def test_webhook_is_sent_the_alert_with_token_and_idempotency_key(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    target.answers[WEBHOOK_PATH].append(Answer(status=500))
    function.push(alert)
    function.push({**alert, "state": "resolved"})
    first, repeated, resolved = target.to(WEBHOOK_PATH)
    assert first.json() == alert
    assert first.headers["Authorization"] == f"Bearer {TOKEN}"
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    assert first.headers["Idempotency-Key"] == repeated.headers["Idempotency-Key"]
    assert first.headers["Idempotency-Key"] != resolved.headers["Idempotency-Key"]


def test_alert_id_of_any_characters_is_delivered_once(
    start_function: StartFunction,
    all_channels: dict[str, str],
    target: RecordingServer,
    tmp_path: Path,
    alert: Alert,
) -> None:
    function = start_function(**all_channels, ALERT_STATE=str(tmp_path / "markers"))
    for alert_id in ("../../escape\r\nX-Injected: 1", "größe/日本", "x" * 5_000, "."):
        for _ in range(2):
            assert function.push({**alert, "alert_id": alert_id}).status_code == 200
    assert notified(target) == {"slack": 4, "pagerduty": 4, "webhook": 4}
    assert all("X-Injected" not in sent.headers for sent in target.to(WEBHOOK_PATH))
    assert all(len(sent.json()["dedup_key"]) <= 255 for sent in target.to(PAGERDUTY_PATH))
    assert not (tmp_path.parent / "escape").exists()


def test_channel_is_told_only_of_what_is_severe_enough(
    start_function: StartFunction, all_channels: dict[str, str], target: RecordingServer, alert: Alert
) -> None:
    function = start_function(**all_channels, SLACK_MIN_SEVERITY="error", PAGERDUTY_MIN_SEVERITY="critical")
    for severity in ("info", "warning", "error", "critical"):
        function.push({**alert, "severity": severity, "alert_id": alert["alert_id"] + severity})
    assert notified(target) == {"slack": 2, "pagerduty": 1, "webhook": 4}


def test_alert_that_grows_severe_is_told_then(
    start_function: StartFunction, all_channels: dict[str, str], target: RecordingServer, alert: Alert
) -> None:
    function = start_function(**all_channels, SLACK_MIN_SEVERITY="error")
    function.push({**alert, "severity": "warning"})
    function.push({**alert, "severity": "warning", "state": "ongoing"})
    function.push({**alert, "severity": "error", "state": "ongoing"})
    assert notified(target) == {"slack": 1, "pagerduty": 2, "webhook": 2}


def test_mild_end_is_told_to_who_was_told_of_the_alert_and_to_nobody_else(
    start_function: StartFunction, all_channels: dict[str, str], target: RecordingServer, alert: Alert
) -> None:
    function = start_function(**all_channels, SLACK_MIN_SEVERITY="critical", PAGERDUTY_MIN_SEVERITY="error")
    function.push(alert)
    function.push({**alert, "state": "resolved", "severity": "info"})
    assert notified(target) == {"slack": 0, "pagerduty": 2, "webhook": 2}
