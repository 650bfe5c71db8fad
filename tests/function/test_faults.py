"""What passes is raised and tried again; what does not is logged and acknowledged."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from alert import BadAlert, check
from channels import Unavailable
from channels.file import FileChannel
from delivered import Ledger
from delivery import DeliveryFailed, deliver
from escalation import Route
from marker_stores import FolderStore
from persistent_channel import PersistentChannel
from tests.function.conftest import (
    PAGERDUTY_PATH,
    SECRETS,
    SLACK_PATH,
    TOKEN,
    WEBHOOK_PATH,
)
from tests.function.function_process import FunctionProcess, pubsub_message
from tests.function.instance import Instance, Least, ManualClock
from tests.function.recording_server import Answer, RecordingServer

Alert = dict[str, Any]
HTTP_PATHS = (SLACK_PATH, PAGERDUTY_PATH, WEBHOOK_PATH)
PASSING = {
    "500": Answer(status=500),
    "503": Answer(status=503),
    "429": Answer(status=429),
    "408": Answer(status=408),
    "garbage": Answer(raw=b"\x00\xffno HTTP at all\r\n\r\n"),
    "nothing": Answer(raw=b""),
}
LASTING = {
    "400": Answer(status=400, body="invalid_blocks"),
    "404": Answer(status=404),
    "redirect": Answer(status=302, headers=(("Location", "/elsewhere"),)),
}


def test_passing_failure_is_tried_again_within_the_call(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    target.answers[SLACK_PATH].append(Answer(status=500))
    target.answers[PAGERDUTY_PATH].append(Answer(status=429, headers=(("Retry-After", "1"),)))
    started = time.monotonic()
    assert function.push(alert).status_code == 200
    assert 1 <= time.monotonic() - started < 4  # the channels wait side by side
    assert [len(target.to(path)) for path in HTTP_PATHS] == [2, 2, 1]
    assert function.lines(severity="WARNING") == []
    assert function.push(alert).status_code == 200
    assert [len(target.to(path)) for path in HTTP_PATHS] == [2, 2, 1]


@pytest.mark.slow  # waits 1, 2 and 4 s
def test_lasting_failure_is_raised_and_only_its_channel_tried_again(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    target.answers[SLACK_PATH].extend([Answer(status=500)] * 4)
    target.answers[PAGERDUTY_PATH].append(Answer(status=429, headers=(("Retry-After", "60"),)))
    started = time.monotonic()
    assert function.push(alert).status_code == 500
    assert 7 <= time.monotonic() - started < 12
    assert [len(target.to(path)) for path in HTTP_PATHS] == [4, 1, 1]
    failed = [line["channel"] for line in function.lines(severity="WARNING") if "detail" in line]
    assert sorted(failed) == ["pagerduty", "slack"]

    assert function.push(alert).status_code == 500  # PagerDuty is not called for 60 s
    assert [len(target.to(path)) for path in HTTP_PATHS] == [5, 1, 1]
    (last,) = function.lines(message="What became of the alert")[1:]
    assert last["channels"].pop("pagerduty").startswith("it asked not to be called for another 5")
    assert last["channels"] == {
        "console": "settled before: delivered",
        "file": "settled before: delivered",
        "slack": "delivered",
        "webhook": "settled before: delivered",
    }


# What a channel answers until it takes the alert -> how often it is called, at which delivery it is done. The
# trigger repeats every 11 s; the fifth failure in a row opens the breaker for 30 s, so does each after it.
BAD_DAYS: dict[str, tuple[list[Answer], int, int]] = {
    "200": ([], 1, 1),
    "500 once": ([PASSING["500"]], 2, 1),
    "500 for long": ([PASSING["500"]] * 7, 8, 11),
    "429 with seconds": ([Answer(status=429, headers=(("Retry-After", "3"),))], 2, 1),
    "429 again and again": ([Answer(status=429, headers=(("Retry-After", "3"),))] * 6, 7, 8),
    "429 with two minutes": ([Answer(status=429, headers=(("Retry-After", "120"),))], 2, 11),
    "garbage": ([PASSING["garbage"]] * 3, 4, 1),
    "nothing": ([PASSING["nothing"]] * 4, 5, 2),
    "400": ([Answer(status=400)], 1, 1),
}


@pytest.mark.parametrize("day", BAD_DAYS.values(), ids=BAD_DAYS)
def test_whatever_a_channel_answers_nothing_is_lost_and_nothing_told_twice(
    target: RecordingServer, tmp_path: Path, alert: Alert, day: tuple[list[Answer], int, int]
) -> None:
    answers, calls, deliveries = day
    least = {"slack": Least(), "pagerduty": Least(), "webhook": Least()}
    instance = Instance(target.url, tmp_path, FolderStore(tmp_path / "markers"), least)
    target.answers[PAGERDUTY_PATH].extend(answers)
    acknowledged_at = 0
    for delivery in range(1, 31):  # the trigger goes on, and repeats even what was acknowledged
        if instance.push(alert) and not acknowledged_at:
            acknowledged_at = delivery
        instance.clock.seconds += 11
    assert acknowledged_at == deliveries
    is_refused = any(answer.status == 400 for answer in answers)
    assert [len(target.taken(path)) for path in HTTP_PATHS] == [1, 0 if is_refused else 1, 1]
    assert [len(target.to(path)) for path in HTTP_PATHS] == [1, calls, 1]


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


def test_channel_that_never_answers_is_given_up_and_tried_again(
    target: RecordingServer, tmp_path: Path, alert: Alert
) -> None:
    instance = Instance(target.url, tmp_path, FolderStore(tmp_path / "markers"), {"slack": Least()})
    never = threading.Event()
    target.answers[SLACK_PATH].extend([Answer(wait_for=never)] * 4)
    assert not instance.push(alert)
    assert instance.push(alert)
    assert len(target.to(SLACK_PATH)) == 5
    never.set()


def test_file_that_cannot_be_written_is_tried_again(alert: Alert, tmp_path: Path) -> None:
    clock = ManualClock()
    full = PersistentChannel(FileChannel(Path("/dev/full")), clock=clock.now, sleep=clock.sleep)
    ledger = Ledger(FolderStore(tmp_path / "markers"))
    with pytest.raises(DeliveryFailed, match="file"):
        deliver(check(alert), [Route(full, "info", 1)], ledger)
    assert len(clock.slept) == 3
    with pytest.raises(Unavailable, match=r"^the file does not take it: No space left on device$"):
        full.send(check(alert))


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
    "opened_at": ("today", "not an RFC 3339 time with an offset"),
    "breaches": (0, "breaches is 0, not a whole number of at least 1"),
    "query": (["SELECT 1"], 'query is ["SELECT 1"], not a text'),
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


@pytest.mark.parametrize("breaches", [-1, 2.0, "3", True, 2**63])
def test_breaches_that_are_no_count_are_refused(alert: Alert, breaches: object) -> None:
    with pytest.raises(BadAlert, match="breaches is"):
        check({**alert, "breaches": breaches})


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
    target: RecordingServer, tmp_path: Path, alert: Alert, capfd: pytest.CaptureFixture[str]
) -> None:
    least = {"slack": Least(), "pagerduty": Least(), "webhook": Least()}
    instance = Instance(target.url, tmp_path, FolderStore(tmp_path / "markers"), least)
    answers = [Answer(status=500, echoes=True), Answer(status=400, echoes=True), *PASSING.values()]
    answers += [Answer(drips=True), Answer(status=302, headers=(("Location", target.url + SLACK_PATH),))]
    for number, answer in enumerate(answers):
        for path in HTTP_PATHS:
            target.answers[path].append(answer)
        instance.push({**alert, "alert_id": f"{alert['alert_id']}-{number}"})
        instance.clock.seconds += 60
    target.close()
    instance.push({**alert, "alert_id": "nobody listens"})

    shown = "".join(capfd.readouterr())
    assert shown.count("[hidden]") >= 6  # the echoes were logged, without the secrets
    assert shown.count("gave no answer (ConnectionError)") >= 9
    assert [secret for secret in SECRETS if secret in shown] == []


def test_no_secret_is_shown_by_the_server_of_the_function(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    target.answers[WEBHOOK_PATH].append(Answer(status=400, echoes=True))
    for path in (PAGERDUTY_PATH, SLACK_PATH):
        target.answers[path].append(Answer(status=503, headers=(("Retry-After", "60"),), echoes=True))
    answer = function.push(alert)
    assert answer.status_code == 500
    shown = function.output() + answer.text
    assert "DeliveryFailed" in shown
    assert shown.count("[hidden]") >= 3
    assert [secret for secret in SECRETS if secret in shown] == []


def test_secret_that_an_excerpt_cuts_through_is_not_shown(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    # 300 bytes of an answer are read; the token begins 12 before their end.
    target.answers[WEBHOOK_PATH].append(Answer(status=400, body="." * 288 + TOKEN + "." * 100))
    assert function.push(alert).status_code == 200
    (line,) = function.lines(severity="ERROR", channel="webhook")
    assert line["detail"] == "answered 400: " + "." * 288
