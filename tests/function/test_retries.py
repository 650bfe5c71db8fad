"""Several tries within one call, against a server that answers badly, late, wrongly or not at all."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alert import check
from channels import NotCalled, Refused, Unavailable
from channels.retry_after import MAX_SECONDS, retry_after_seconds
from persistent_channel import PersistentChannel
from tests.function.conftest import WEBHOOK_PATH
from tests.function.function_process import free_port
from tests.function.instance import ManualClock, channel
from tests.function.recording_server import Answer, RecordingServer

Alert = dict[str, Any]
NOW = datetime(2026, 3, 2, 10, 5, tzinfo=UTC)
PASSING = {
    "500": Answer(status=500),
    "503": Answer(status=503),
    "408": Answer(status=408),
    "429": Answer(status=429),
    "garbage": Answer(raw=b"\x00\xffno HTTP at all\r\n\r\n"),
    "nothing": Answer(raw=b""),
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def webhook(target: RecordingServer, tmp_path: Path, clock: ManualClock) -> PersistentChannel:
    return persistent(target.url, tmp_path, clock)


def persistent(url: str, folder: Path, clock: ManualClock) -> PersistentChannel:
    return PersistentChannel(channel("webhook", url, folder), clock=clock.now, sleep=clock.sleep)


def requests_of(target: RecordingServer) -> int:
    return len(target.to(WEBHOOK_PATH))


def too_many(after: str) -> Answer:
    return Answer(status=429, headers=(("Retry-After", after),))


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
def test_failure_that_passes_is_tried_again_after_1_2_and_4_seconds(
    webhook: PersistentChannel, target: RecordingServer, clock: ManualClock, alert: Alert, answer: Answer
) -> None:
    target.answers[WEBHOOK_PATH].extend([answer] * 3)
    webhook.send(check(alert))
    assert requests_of(target) == 4
    assert [int(seconds) for seconds in clock.slept] == [1, 2, 4]
    assert all(seconds % 1 <= 0.5 for seconds in clock.slept)
    assert len({seconds % 1 for seconds in clock.slept}) > 1  # the jitter


def test_fourth_failure_is_left_to_the_trigger(
    webhook: PersistentChannel, target: RecordingServer, alert: Alert
) -> None:
    target.answers[WEBHOOK_PATH].extend([Answer(status=500, body="no")] * 9)
    with pytest.raises(Unavailable, match=r"^answered 500: no$"):
        webhook.send(check(alert))
    assert requests_of(target) == 4


def test_refusal_is_not_tried_again(
    webhook: PersistentChannel, target: RecordingServer, clock: ManualClock, alert: Alert
) -> None:
    target.answers[WEBHOOK_PATH].append(Answer(status=400))
    with pytest.raises(Refused):
        webhook.send(check(alert))
    assert requests_of(target) == 1
    assert clock.slept == []


@pytest.mark.parametrize("body", ["\x00\xff{", "", "not ok", "{" * 100_000])
def test_200_is_a_delivery_whatever_its_body(
    webhook: PersistentChannel, target: RecordingServer, alert: Alert, body: str
) -> None:
    target.answers[WEBHOOK_PATH].append(Answer(body=body))
    webhook.send(check(alert))
    assert requests_of(target) == 1


def test_connection_that_is_refused_is_tried_four_times(
    tmp_path: Path, clock: ManualClock, alert: Alert
) -> None:
    nobody = persistent(f"http://127.0.0.1:{free_port()}", tmp_path, clock)
    with pytest.raises(Unavailable, match=r"^gave no answer \(ConnectionError\)$"):
        nobody.send(check(alert))
    assert len(clock.slept) == 3


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "drips"])
def test_answer_that_does_not_come_in_time_is_given_up(
    tmp_path: Path, target: RecordingServer, alert: Alert, drips: bool
) -> None:
    never = threading.Event()
    target.answers[WEBHOOK_PATH].append(Answer(drips=True) if drips else Answer(wait_for=never))
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"^gave no answer"):
        channel("webhook", target.url, tmp_path).send(check(alert))
    assert 0.4 < time.monotonic() - started < 2
    never.set()


def test_tries_that_take_long_are_fewer(
    target: RecordingServer, tmp_path: Path, clock: ManualClock, alert: Alert
) -> None:
    class Slow:
        name, holds_incidents, hears_late_states = "webhook", False, True
        calls = 0

        def send(self, alert: object) -> None:
            self.calls += 1
            clock.seconds += 10
            raise Unavailable("gave no answer")

    slow = Slow()
    started = clock.now()
    with pytest.raises(Unavailable):
        PersistentChannel(slow, clock=clock.now, sleep=clock.sleep).send(check(alert))
    assert slow.calls == 2
    assert clock.now() - started < 30


@pytest.mark.parametrize("seconds", [1, 7, 19])
def test_retry_after_is_waited_for_within_the_call(
    webhook: PersistentChannel, target: RecordingServer, clock: ManualClock, alert: Alert, seconds: int
) -> None:
    target.answers[WEBHOOK_PATH].append(too_many(str(seconds)))
    webhook.send(check(alert))
    assert requests_of(target) == 2
    assert clock.slept == [pytest.approx(max(seconds, 1), abs=0.51)]
    assert clock.slept[0] >= seconds


def test_retry_after_as_a_date_is_waited_for(
    webhook: PersistentChannel, target: RecordingServer, clock: ManualClock, alert: Alert
) -> None:
    at = datetime.now(UTC) + timedelta(seconds=10)
    target.answers[WEBHOOK_PATH].append(too_many(format_datetime(at, usegmt=True)))
    webhook.send(check(alert))
    assert requests_of(target) == 2
    assert clock.slept == [pytest.approx(9, abs=2)]


@pytest.mark.parametrize(
    ("after", "seconds"), [("120", 120), ("9" * 5_000, MAX_SECONDS), ("Fri, 01 Jan 2049 00:00:00 GMT", 3_600)]
)
def test_retry_after_that_is_too_long_ends_the_call_and_pauses_the_channel(
    webhook: PersistentChannel,
    target: RecordingServer,
    clock: ManualClock,
    alert: Alert,
    after: str,
    seconds: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target.answers[WEBHOOK_PATH].append(too_many(after))
    with pytest.raises(Unavailable, match=r"^answered 429"):
        webhook.send(check(alert))
    for _ in range(3):
        with pytest.raises(NotCalled):
            webhook.send(check(alert))
        with pytest.raises(NotCalled):
            webhook.check()
    assert requests_of(target) == 1
    assert clock.slept == []
    warnings = [line for line in capsys.readouterr().out.splitlines() if '"WARNING"' in line]
    assert [json.loads(line)["channel"] for line in warnings] == ["webhook"]

    clock.seconds += seconds
    webhook.check()
    webhook.send(check(alert))
    assert requests_of(target) == 2


def test_no_thread_calls_a_channel_during_its_pause(
    webhook: PersistentChannel, target: RecordingServer, clock: ManualClock, alert: Alert
) -> None:
    target.answers[WEBHOOK_PATH].append(too_many("30"))
    with pytest.raises(Unavailable):
        webhook.send(check(alert))
    clock.seconds += 15
    webhook.send(check({**alert, "alert_id": "another"}))  # waits for what is left of it
    assert clock.slept == [pytest.approx(15)]
    assert requests_of(target) == 2


@pytest.mark.parametrize(
    "after", ["", "soon", "-5", "1.5", "²", "Mon, 99 Foo 2026", "Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_retry_after_that_says_nothing_is_passed_over(after: str) -> None:
    assert retry_after_seconds({"Retry-After": after}, NOW) == 0


@given(st.one_of(st.text(max_size=40), st.datetimes().map(lambda at: format_datetime(at))))
def test_retry_after_is_always_a_pause_that_ends(after: str) -> None:
    assert 0 <= retry_after_seconds({"Retry-After": after}, NOW) <= MAX_SECONDS


def test_open_breaker_ends_the_tries_and_turns_the_next_away(
    webhook: PersistentChannel, target: RecordingServer, clock: ManualClock, alert: Alert
) -> None:
    target.answers[WEBHOOK_PATH].extend([Answer(status=500)] * 6)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"^answered 500"):
            webhook.send(check(alert))
    assert requests_of(target) == 5  # 4 in the first call; the fifth failure opens it
    slept = len(clock.slept)
    for _ in range(3):
        with pytest.raises(NotCalled, match="breaker"):
            webhook.send(check(alert))
    assert (requests_of(target), len(clock.slept)) == (5, slept)

    clock.seconds += 30.1
    with pytest.raises(Unavailable, match=r"^answered 500"):
        webhook.send(check(alert))
    assert (requests_of(target), len(clock.slept)) == (6, slept)  # one try only
    clock.seconds += 30.1
    webhook.send(check(alert))
    assert requests_of(target) == 7
