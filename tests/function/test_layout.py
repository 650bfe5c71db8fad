"""How an alert is laid out for each channel: limits, escapes, numbers."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alert import check
from channels import Unavailable
from channels.file import FileChannel
from channels.pagerduty import pagerduty_event
from channels.slack import escaped, slack_message
from channels.text import cut, expected_range, number
from tests.function.conftest import PAGERDUTY_PATH, SLACK_PATH
from tests.function.function_process import FunctionProcess
from tests.function.recording_server import RecordingServer

Alert = dict[str, Any]
LONG = "<&ä😀>" * 1_000


def texts(message: Any) -> list[str]:
    """Every mrkdwn text of a Slack message's blocks."""
    if isinstance(message, dict):
        found = [message["text"]] if message.get("type") == "mrkdwn" else []
        return found + [text for value in message.values() for text in texts(value)]
    return [text for item in message for text in texts(item)] if isinstance(message, list) else []


def test_slack_message_says_what_a_tired_person_needs(alert: Alert) -> None:
    message = slack_message(check(alert))
    assert message["text"] == f"ERROR, open: {alert['summary']}"
    assert texts(message["blocks"]) == [
        f":large_orange_circle: *ERROR, open*\n{alert['summary']}",
        "*Measured*\n1,480 (order_count)",
        "*Expected*\n310 to 455.50",
        "*Where*\ncountry = DE",
        "*Window*\n2026-03-02T10:00:00.000000Z to 2026-03-02T10:05:00.000000Z",
        f"spike, alert {alert['alert_id']}, run run-1",
    ]


def test_slack_text_is_escaped(function: FunctionProcess, target: RecordingServer, alert: Alert) -> None:
    function.push({**alert, "summary": "<!channel> A&B", "dimension_value": "<https://evil|x>"})
    (sent,) = target.to(SLACK_PATH)
    shown = [sent.json()["text"], *texts(sent.json()["blocks"])]
    assert shown[0] == "ERROR, open: &lt;!channel&gt; A&amp;B"
    assert "*Where*\ncountry = &lt;https://evil|x&gt;" in shown
    assert not any("<" in text or ">" in text for text in shown)


def test_slack_and_pagerduty_limits_are_kept_by_characters(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    long = dict.fromkeys(("summary", "kind", "metric", "dimension", "dimension_value", "run_id"), LONG)
    assert function.push({**alert, **long}).status_code == 200

    (slack,) = target.to(SLACK_PATH)
    section, fields, context = slack.json()["blocks"]
    # 5 characters become 15 when escaped, so what is kept ends within 15 of the limit.
    assert 2_985 < len(slack.json()["text"]) <= 3_000
    assert 2_985 < len(section["text"]["text"]) <= 3_000
    assert all(len(text) <= 2_000 for text in texts(fields["fields"]))
    assert all(len(text) <= 2_000 for text in texts(context["elements"]))
    assert section["text"]["text"].endswith("…")

    (pagerduty,) = target.to(PAGERDUTY_PATH)
    assert pagerduty.json()["payload"]["summary"] == LONG[:1_023] + "…"
    assert len(pagerduty.json()["payload"]["source"]) == 255
    assert len(pagerduty.body) < 512 * 1024


@given(st.text(alphabet="a&<>é😀", max_size=60), st.integers(min_value=1, max_value=40))
def test_escaped_text_keeps_the_limit_and_whole_entities(text: str, max_chars: int) -> None:
    shown = escaped(text, max_chars)
    assert len(shown) <= max_chars
    back = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert back == text or (back.endswith("…") and text.startswith(back[:-1]))


def test_escaped_text_that_just_fits_is_not_cut() -> None:
    assert escaped("a<b", 6) == "a&lt;b"
    assert escaped("a<b", 5) == "a…"
    assert escaped("abc", 3) == "abc"
    assert escaped("abcd", 3) == "ab…"


def test_cut_text_ends_with_an_ellipsis() -> None:
    assert cut("größe", 5) == "größe"
    assert cut("größer", 5) == "größ…"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((0.0, "0"), (12345.0, "12,345"), (-3.0, "-3"), (1234.567, "1,234.57")),
        *((0.01234567, "0.01235"), (1e300, "1e+300")),
    ],
)
def test_number_is_written_for_people(value: float, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(1, 2, "1 to 2"), (0.95, None, "at least 0.95"), (None, 30, "at most 30"), (None, None, "not known")],
)
def test_expected_range_is_said_in_words(
    alert: Alert, low: float | None, high: float | None, shown: str
) -> None:
    assert expected_range(check({**alert, "expected_low": low, "expected_high": high})) == shown


def test_absent_and_null_mean_the_same(alert: Alert) -> None:
    with_null = check({**alert, "score": None})
    del alert["score"]
    assert check(alert) == with_null


def test_alert_id_longer_than_a_dedup_key_gets_one_of_its_own(alert: Alert) -> None:
    keys = [
        pagerduty_event(check({**alert, "alert_id": "x" * 300 + end}), "key")["dedup_key"] for end in "ab"
    ]
    assert keys[0] != keys[1]
    assert [len(str(key)) for key in keys] == [71, 71]


def test_full_disk_leaves_no_half_line(alert: Alert, tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    channel = FileChannel(path)
    channel.send(check(alert))
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        with pytest.raises(Unavailable):
            channel.send(check(alert))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
