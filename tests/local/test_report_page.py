"""The page is well-formed, loads nothing, and shows text from outside as text."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.report.findings import METRICS, AlertLife, Findings, Latency, LedgerRow, Point, Reason
from local.report.page import write_page
from local.report.queries import Between
from tests.local.html_page import Page

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MADE_AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOSTILE = '<script>alert("1")</script>\'"&'
EMPTY = Findings(dict.fromkeys(METRICS, ()), 0, 0, (), 0, (), (), (), 0)


def point(number: int, verdict: str | None = "normal") -> Point:
    return Point(START + number * MINUTE, START + (number + 1) * MINUTE, 100.0, 100.0, 90.0, 110.0, verdict)


def alert(number: int, resolved: bool, **changes: Any) -> AlertLife:
    life = AlertLife(
        alert_id=f"a{number}",
        kind="spike",
        severity="critical",
        metric="order_count",
        dimension="all",
        dimension_value="all",
        opened_at=START + number * MINUTE,
        breached_until=START + (number + 1) * MINUTE,
        resolved_at=START + (number + 3) * MINUTE if resolved else None,
        breaches=1,
        summary="Orders rose to 500.",
        last_summary="Orders are usual again.",
        query="SELECT 1",
    )
    return life._replace(**changes)


FULL = Findings(
    metrics={metric: [point(0), point(1, "spike"), point(2), point(3, None)] for metric in METRICS},
    windows_in_all=4,
    windows_before=0,
    alerts=[alert(1, resolved=False), alert(0, resolved=True)],
    alerts_in_all=2,
    reasons=[Reason("invalid_value", 7, "parse", "/status", "status must not be banana.", START)],
    ledger=[LedgerRow("order", 10, 8, 1, 1)],
    latency=[Latency(START, START + MINUTE, 40.0, 90.0, 200.0)],
    latency_windows_in_all=1,
)
HOSTILE_EVERYWHERE = FULL._replace(
    alerts=[
        alert(
            1,
            resolved=resolved,
            **dict.fromkeys(
                ("kind", "severity", "dimension", "dimension_value", "summary", "last_summary", "query"),
                HOSTILE,
            ),
        )
        for resolved in (True, False)
    ],
    reasons=[Reason(HOSTILE, 7, HOSTILE, HOSTILE, HOSTILE, START)],
    ledger=[LedgerRow(HOSTILE, 10, 8, 1, 1)],
    metrics={metric: [point(0, HOSTILE)] for metric in METRICS},
)


def page(findings: Findings) -> str:
    return write_page(findings, Between(), MADE_AT)


@pytest.mark.parametrize("findings", [EMPTY, FULL, HOSTILE_EVERYWHERE])
def test_markup_is_well_formed_and_ids_are_given_once(findings: Findings) -> None:
    read = Page(page(findings))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert read.faults == []
    assert len(ids) == len(set(ids)) == 8
    assert {link["href"].removeprefix("#") for link in read.all("a")} == set(ids)


@pytest.mark.parametrize("findings", [EMPTY, FULL, HOSTILE_EVERYWHERE])
def test_nothing_is_loaded_and_nothing_can_run(findings: Findings) -> None:
    text = page(findings)
    read = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "image", "use", "base", "form"} & {
        tag for tag, _ in read.elements
    }
    names = {name for _, attributes in read.elements for name in attributes}
    assert not names & {"src", "srcset", "style", "xlink:href", "action", "data"}
    assert not [name for name in names if name.startswith("on")]
    assert [link["href"][0] for link in read.all("a") if "href" in link] == ["#"] * 8
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(style) == 1
    assert not re.search(r"url\(|@import|@font-face", style[0])


def test_policy_of_the_page_allows_its_own_style_alone() -> None:
    text = page(FULL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [
        meta["content"]
        for meta in Page(text).all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == (f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")


def test_text_from_outside_is_shown_as_text() -> None:
    text = page(HOSTILE_EVERYWHERE)
    read = Page(text)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    shown = {name for name, said in read.text_by_section.items() if HOSTILE in said}
    assert shown == {*METRICS, "open_alerts", "alerts", "dead_letters", "ledger"}


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("open_alerts", "No alert is open."),
        ("order_count", "There are no windows yet."),
        ("revenue", "There are no windows yet."),
        ("average_order_value", "There are no windows yet."),
        ("alerts", "There are no alerts."),
        ("dead_letters", "No message was refused."),
        ("ledger", "There is no ledger yet."),
        ("latency", "There are no windows of a streaming run yet."),
    ],
)
def test_empty_warehouse_says_so_in_every_section(section: str, sentence: str) -> None:
    assert Page(page(EMPTY)).text_by_section[section].endswith(sentence)
    assert sentence not in Page(page(FULL)).text_by_section[section]


def test_every_chart_has_a_label_and_a_table_that_says_the_same() -> None:
    text = page(FULL)
    sections = re.findall(r'<section id="(\w+)">(.*?)</section>', text, re.DOTALL)
    with_charts = {name: body for name, body in sections if 'class="chart' in body}
    assert set(with_charts) == {*METRICS, "alerts", "dead_letters", "latency"}
    for name, body in with_charts.items():
        assert (
            len(re.findall(r'<svg class="chart \w+" viewBox="[^"]*" role="img" aria-label="[^"]{20,}"', body))
            == 1
        )
        assert "<table>" in body
        assert name == "alerts" or body.index("<details>") < body.index("<table>")


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (LedgerRow("order", 10, 8, 1, 1), "✓ balanced"),
        (LedgerRow("order", 10, 5, 1, 1), "✗ 3 not accounted for"),
        (LedgerRow("order", 10, 8, 2, 1), "✗ 1 too many"),
    ],
)
def test_ledger_says_whether_it_is_balanced(row: LedgerRow, verdict: str) -> None:
    said = Page(page(FULL._replace(ledger=[row]))).text_by_section["ledger"]
    assert said.count(verdict) == 2  # of the event type and of all


def test_gaps_of_two_event_types_do_not_cancel_each_other() -> None:
    rows = [LedgerRow("order", 10, 8, 1, 0), LedgerRow("inventory", 10, 8, 2, 1)]
    text = page(FULL._replace(ledger=rows))
    assert "<dt>Ledger</dt><dd>2 off</dd>" in text


def test_open_alert_has_a_card_and_a_resolved_one_has_none() -> None:
    read = Page(page(FULL))
    said = read.text_by_section["open_alerts"]
    assert "critical, spike (order_count), since 2026-03-01 10:01:00 UTC, 1 window in a row" in said
    assert "10:00:00" not in said
    assert "SELECT 1" in said
    assert [a["class"] for a in read.all("div") if a.get("class", "").startswith("card")] == ["card critical"]


def test_page_says_when_it_does_not_show_everything() -> None:
    text = page(FULL._replace(windows_in_all=8_640, alerts_in_all=120))
    assert "The newest 4 of 8,640 windows" in text
    assert "12 earlier ones hold late orders alone" in page(FULL._replace(windows_before=12))
    assert "120 alerts; here are 2: those that are open, then the newest." in text
    assert "The newest" not in page(FULL)


def test_picture_of_many_alerts_shows_the_open_one_though_it_is_the_oldest() -> None:
    resolved = [alert(number, resolved=True) for number in range(40, 0, -1)]
    many = [alert(0, resolved=False, dimension="country", dimension_value="NL"), *resolved]
    text = page(FULL._replace(alerts=many, alerts_in_all=41, metrics=dict.fromkeys(METRICS, ())))
    timeline = re.findall(r'<section id="alerts">(.*?)</section>', text, re.DOTALL)[0]
    assert timeline.count('<g class="alert">') == 30
    assert "spike NL, open</text>" in timeline
    assert "41 alerts; the picture shows 30, the open ones first." in timeline


def test_page_says_which_time_was_asked_for() -> None:
    text = write_page(FULL, Between(START, START + MINUTE), MADE_AT)
    assert "since 2026-03-01 10:00:00 until 2026-03-01 10:01:00 as asked. Made 2026-03-02 08:00:00." in text


def test_alerts_of_a_part_stand_in_the_timeline_and_not_on_the_whole() -> None:
    part = alert(1, resolved=True, dimension="category", dimension_value="Books")
    sections = dict(
        re.findall(r'<section id="(\w+)">(.*?)</section>', page(FULL._replace(alerts=[part])), re.DOTALL)
    )
    counts = {name: body.count('<g class="alert">') for name, body in sections.items()}
    assert counts == {**dict.fromkeys(counts, 0), "alerts": 1}
    assert "spike Books, resolved" in sections["alerts"]
