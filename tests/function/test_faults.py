"""What passes is raised and tried again; what does not is logged and acknowledged."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import requests

from tests.function.conftest import (
    PAGERDUTY_PATH,
    SECRETS,
    SLACK_PATH,
    TOKEN,
    WEBHOOK_PATH,
    StartFunction,
)
from tests.function.function_process import FunctionProcess, pubsub_message
from tests.function.recording_server import Answer, RecordingServer

Alert = dict[str, Any]
HTTP_PATHS = (SLACK_PATH, PAGERDUTY_PATH, WEBHOOK_PATH)
PASSING = {
    "500": Answer(status=500),
    "503": Answer(status=503),
    "429": Answer(status=429, headers=(("Retry-After", "30"),)),
    "408": Answer(status=408),
    "garbage": Answer(raw=b"\x00\xffno HTTP at all\r\n\r\n"),
    "nothing": Answer(raw=b""),
}
LASTING = {
    "400": Answer(status=400, body="invalid_blocks"),
    "404": Answer(status=404),
    "redirect": Answer(status=302, headers=(("Location", "/elsewhere"),)),
}


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
def test_passing_failure_is_raised_and_only_its_channel_tried_again(
    function: FunctionProcess, target: RecordingServer, alert: Alert, answer: Answer
) -> None:
    target.answers[SLACK_PATH].append(answer)
    assert function.push(alert).status_code == 500
    assert [len(target.to(path)) for path in HTTP_PATHS] == [1, 1, 1]
    assert [line["channel"] for line in function.lines(severity="WARNING")] == ["slack"]

    assert function.push(alert).status_code == 200
    assert [len(target.to(path)) for path in HTTP_PATHS] == [2, 1, 1]

    assert function.push(alert).status_code == 200
    assert [len(target.to(path)) for path in HTTP_PATHS] == [2, 1, 1]


@pytest.mark.parametrize("answer", LASTING.values(), ids=LASTING)
def test_refusal_is_logged_acknowledged_and_never_tried_again(
    function: FunctionProcess, target: RecordingServer, alert: Alert, answer: Answer
) -> None:
    target.answers[SLACK_PATH].append(answer)
    assert function.push(alert).status_code == 200
    assert function.push(alert).status_code == 200
    assert [len(target.to(path)) for path in HTTP_PATHS] == [1, 1, 1]
    assert target.to("/elsewhere") == []
    (line,) = function.lines(severity="ERROR", channel="slack")
    assert line["alert_id"] == alert["alert_id"]
    assert line["detail"] == f"answered {answer.status}: {answer.body}"


@pytest.mark.slow  # waits for the 10 s that a channel has to answer
def test_channel_that_never_answers_is_given_up_after_ten_seconds(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    never = threading.Event()
    target.answers[SLACK_PATH].append(Answer(wait_for=never))
    started = time.monotonic()
    assert function.push(alert).status_code == 500
    assert 9.5 < time.monotonic() - started < 15
    never.set()
    assert [len(target.to(path)) for path in HTTP_PATHS] == [1, 1, 1]
    assert function.push(alert).status_code == 200
    assert [len(target.to(path)) for path in HTTP_PATHS] == [2, 1, 1]


def test_file_that_cannot_be_written_is_tried_again(
    start_function: StartFunction, all_channels: dict[str, str], target: RecordingServer, alert: Alert
) -> None:
    function = start_function(**{**all_channels, "ALERT_FILE": "/dev/full"})
    assert function.push(alert).status_code == 500
    assert [len(target.to(path)) for path in HTTP_PATHS] == [1, 1, 1]
    (line,) = function.lines(severity="WARNING", channel="file")
    assert line["detail"] == "the file does not take it: No space left on device"


def payload(alert: Alert, **changes: object) -> bytes:
    return json.dumps({**alert, **changes}).encode()


BAD_FIELDS = {
    "severity": ("fatal", "not one of info, warning, error, critical"),
    "state": ("closed", "not one of open, ongoing, resolved"),
    "alert_id": ("", "alert_id is empty"),
    "kind": (7, "kind is 7, not a text"),
    "summary": (None, "summary is missing"),
    "dimension_value": ("\ud800", "not a text"),
    "value": ("12", 'value is "12", not a finite number'),
    "score": (True, "score is true, not a finite number"),
    "expected_low": (10**400, "not a finite number"),
    "expected_high": ([1], "expected_high is [1], not a finite number"),
    "window_start": ("2026-03-02 10:00", "not an RFC 3339 time with an offset"),
    "emitted_at": ("yesterday", "not an RFC 3339 time with an offset"),
}


def test_bad_field_is_named_logged_and_acknowledged(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    for field, (value, problem) in BAD_FIELDS.items():
        assert function.event(payload(alert, **{field: value})).status_code == 200
        line = function.lines(severity="ERROR")[-1]
        assert line["event_id"] == "1"
        assert field in line["message"]
        assert problem in line["message"]
    assert len(function.lines(severity="ERROR")) == len(BAD_FIELDS)
    assert target.requests == []


def test_every_problem_of_an_alert_is_named(function: FunctionProcess, alert: Alert) -> None:
    del alert["metric"]
    function.event(payload(alert, severity="fatal", value=None))
    (line,) = function.lines(severity="ERROR")
    assert "severity is" in line["message"]
    assert "metric is missing; " in line["message"]
    assert "value is missing" in line["message"]


def test_payload_that_is_no_alert_is_logged_and_acknowledged(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    bad_payloads = {
        b"no json": "not JSON",
        b"\xff\xfe": "not JSON",
        b"[" * 100_000: "not JSON",
        b"1" * 5_000: "not JSON",
        payload(alert, value=float("nan")): "not JSON: NaN",
        b"[]": "not a JSON object",
        b"": "no message.data",
    }
    for bad, problem in bad_payloads.items():
        assert function.event(bad).status_code == 200
        assert problem in function.lines(severity="ERROR")[-1]["message"]
    assert len(function.lines(severity="ERROR")) == len(bad_payloads)
    assert target.requests == []


def test_event_without_a_message_is_logged_and_acknowledged(function: FunctionProcess, alert: Alert) -> None:
    message = pubsub_message(payload(alert))
    events: list[object] = [{}, [], {"message": None}, {"message": {}}, {"message": {**message, "data": 5}}]
    for data in events:
        assert function.event_data(data).status_code == 200
    assert function.event_data({"message": {**message, "data": "%%%"}}).status_code == 200
    lines = function.lines(severity="ERROR")
    assert [line["message"].rpartition(": ")[2] for line in lines] == [
        *["the event holds no message.data"] * 5,
        "message.data is not base64",
    ]


def test_alert_with_a_new_column_is_delivered_with_a_warning(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    assert function.push({**alert, "query_link": "https://example.com"}).status_code == 200
    assert [len(target.to(path)) for path in HTTP_PATHS] == [1, 1, 1]
    (line,) = function.lines(severity="WARNING")
    assert "query_link" in line["message"]


def test_no_secret_is_shown_whatever_the_channels_answer(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    answers: list[requests.Response] = []
    for answer in (Answer(status=500, echoes=True), Answer(status=400, echoes=True), *PASSING.values()):
        for path in HTTP_PATHS:
            target.answers[path].append(answer)
        answers.append(function.push({**alert, "alert_id": f"{alert['alert_id']}-{len(answers)}"}))
    target.close()
    answers.append(function.push({**alert, "alert_id": "nobody listens"}))

    shown = function.output() + "".join(answer.text for answer in answers)
    assert shown.count("[hidden]") >= 6  # the echoes were logged, without the secrets
    assert shown.count("gave no answer (ConnectionError)") >= 9
    assert [secret for secret in SECRETS if secret in shown] == []


def test_secret_that_an_excerpt_cuts_through_is_not_shown(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    # 300 bytes of an answer are read; the token begins 12 before their end.
    target.answers[WEBHOOK_PATH].append(Answer(status=400, body="." * 288 + TOKEN + "." * 100))
    assert function.push(alert).status_code == 200
    (line,) = function.lines(severity="ERROR", channel="webhook")
    assert line["detail"] == "answered 400: " + "." * 288
