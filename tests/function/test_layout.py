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
from channels.slack import slack_message
from channels.slack_text import code_block, escaped
from channels.text import cut, expected_range, moment, number, since, window
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
    blocks: Any = message["blocks"]
    assert [block["type"] for block in blocks] == ["header", "section", "section", "section", "context"]
    assert blocks[0]["text"] == {
        "type": "plain_text",
        "text": ":large_orange_circle: spike: country = DE",
        "emoji": True,
    }
    assert texts(blocks) == [
        f"*ERROR, open*\n{alert['summary']}",
        "*Measured*\n1,480 (order_count)",
        "*Expected*\n310 to 455.50",
        "*Window*\n2026-03-02 10:00 to 10:05 UTC",
        "*Since*\n2026-03-02 09:35 UTC, 6 windows in a row",
        f"```\n{alert['query']}\n```",
        f"alert {alert['alert_id']}, run run-1",
    ]


def test_slack_message_without_the_new_fields_is_whole(alert: Alert) -> None:
    blocks: Any = slack_message(check({**alert, "opened_at": None, "breaches": None, "query": None}))[
        "blocks"
    ]
    assert [block["type"] for block in blocks] == ["header", "section", "section", "context"]
    assert "*Since*\nnot known" in texts(blocks)


def test_resolved_alert_is_told_from_the_others_at_a_glance(alert: Alert) -> None:
    blocks: Any = slack_message(check({**alert, "state": "resolved"}))["blocks"]
    assert blocks[0]["text"]["text"] == ":white_check_mark: spike: country = DE"
    assert "*Since*\n2026-03-02 09:35 UTC, up to 6 windows in a row" in texts(blocks)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 ``` <!channel> *bold*",
        "``````` -- \x1b[2J",
        "`" * 5_000,
        "SELECT * FROM `t`",
        "&" * 2_000,
        "SELECT 1\n  -- second line",
        "x" * 2_992,
        "x" * 2_993,
    ],
)
def test_query_stays_within_its_block_of_code(alert: Alert, query: str) -> None:
    blocks: Any = slack_message(check({**alert, "query": query}))["blocks"]
    text = blocks[3]["text"]["text"]
    assert len(text) <= 3_000
    assert text.startswith("```\n")
    assert text.endswith("\n```")
    inner = text[4:-4]
    assert "```" not in inner
    assert not set(inner) & set("<>\x1b")
    is_cut = "The query is cut; it is whole in the table alerts." in blocks[4]["elements"][0]["text"]
    assert is_cut is inner.endswith("…")
    if not is_cut and "```" not in query and "\x1b" not in query:
        assert inner.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == query


@given(st.text(alphabet="`a<\n\u200b", max_size=40), st.integers(20, 60))
def test_no_text_ends_its_block_of_code(text: str, max_chars: int) -> None:
    block, is_whole = code_block(text, max_chars)
    assert len(block) <= max_chars
    assert "```" not in block[4:-4]
    assert block[:4] + block[-4:] == "```\n\n```"
    assert is_whole is not block[4:-4].endswith("…")


def test_slack_makes_no_link_of_what_was_ordered(alert: Alert) -> None:
    def objects(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, dict):
            return [value, *(found for item in value.values() for found in objects(item))]
        return [found for item in value for found in objects(item)] if isinstance(value, list) else []

    message = slack_message(check({**alert, "dimension_value": "https://evil.example"}))
    mrkdwn = [found for found in objects(message) if found.get("type") == "mrkdwn"]
    assert len(mrkdwn) == 7
    assert all(found["verbatim"] is True for found in mrkdwn)
    assert (message["unfurl_links"], message["unfurl_media"]) == (False, False)


def test_slack_text_is_escaped(function: FunctionProcess, target: RecordingServer, alert: Alert) -> None:
    function.push({**alert, "summary": "<!channel> A&B", "dimension_value": "<https://evil|x>"})
    (sent,) = target.to(SLACK_PATH)
    shown = [sent.json()["text"], *texts(sent.json()["blocks"])]
    assert shown[0] == "ERROR, open: &lt;!channel&gt; A&amp;B"
    # A header is plain text, in which Slack looks for nothing.
    header = sent.json()["blocks"][0]["text"]
    assert header["type"] == "plain_text"
    assert header["text"].endswith("country = <https://evil|x>")
    assert not any("<" in text or ">" in text for text in shown)


def test_slack_and_pagerduty_limits_are_kept_by_characters(
    function: FunctionProcess, target: RecordingServer, alert: Alert
) -> None:
    names = ("summary", "kind", "metric", "dimension", "dimension_value", "run_id", "query")
    long = dict.fromkeys(names, LONG)
    assert function.push({**alert, **long}).status_code == 200

    (slack,) = target.to(SLACK_PATH)
    header, section, fields, query, context = slack.json()["blocks"]
    assert len(header["text"]["text"]) == 150
    assert 2_985 < len(query["text"]["text"]) <= 3_000
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


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("2026-03-02T10:00:00.000000Z", "2026-03-02 10:00"),
        ("2026-03-02T00:30:15+01:00", "2026-03-01 23:30:15"),
        ("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00+01:00"),
    ],
)
def test_time_is_written_for_people(time: str, shown: str) -> None:
    assert moment(time) == shown


def test_window_names_the_day_of_its_end_only_if_it_is_another(alert: Alert) -> None:
    assert window(check(alert)) == "2026-03-02 10:00 to 10:05 UTC"
    alert |= {"window_start": "2026-03-01T23:55:00Z", "window_end": "2026-03-02T00:00:00Z"}
    assert window(check(alert)) == "2026-03-01 23:55 to 2026-03-02 00:00 UTC"


def test_one_window_is_no_windows(alert: Alert) -> None:
    assert since(check({**alert, "breaches": 1})).endswith(", 1 window in a row")
    assert since(check({**alert, "opened_at": None})) == "not known, 6 windows in a row"


def test_query_reaches_pagerduty_whole(alert: Alert) -> None:
    event: Any = pagerduty_event(check({**alert, "query": "x" * 10_000}), "key")
    assert len(event["payload"]["custom_details"]["query"]) == 10_000


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
