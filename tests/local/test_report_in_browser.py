"""The report in a real browser: everything is drawn, nothing is loaded, nothing is complained about."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.local.html_page import Page
from tests.local.test_report_page import EMPTY, FULL, HOSTILE, HOSTILE_EVERYWHERE, page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)

pytestmark = pytest.mark.skipif(
    BROWSER is None,
    reason="no Chromium: install Debian's package chromium, or Chrome, to look at the report in a browser",
)


class Seen(NamedTuple):
    """What the browser made of a file."""

    dom: Page
    console: list[str]
    requests: list[str]
    """URLs that the page itself asked for; the browser's own are not among them."""


def look_at(html: str, folder: Path) -> Seen:
    file, log = folder / "page.html", folder / "net.json"
    file.write_text(html)
    ended = subprocess.run(
        [
            *(
                str(BROWSER),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            "--host-resolver-rules=MAP * ~NOTFOUND",  # the browser's own questions stay on this machine
            *(f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--enable-logging=stderr"),
            *("--dump-dom", file.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    recorded = json.loads(log.read_text())
    start = recorded["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    begun = [event["params"] for event in recorded["events"] if event["type"] == start and "params" in event]
    return Seen(
        Page(ended.stdout),
        [line for line in ended.stderr.splitlines() if ":CONSOLE" in line],
        [
            params["url"]
            for params in begun
            if str(params.get("network_isolation_key", "")).startswith("file://") and "url" in params
        ],
    )


def marks(dom: Page) -> dict[str, int]:
    """How many of each mark the page has drawn."""
    classes = [attributes.get("class", "") for _, attributes in dom.elements]
    wanted = ("chart lines", "chart timeline", "chart bars", "window", "band", "alert", "bar", "mark spike")
    return {name: classes.count(name) for name in wanted}


def test_browser_draws_every_mark_and_loads_nothing(tmp_path: Path) -> None:
    seen = look_at(page(FULL), tmp_path)
    assert (seen.console, seen.requests) == ([], [])
    assert marks(seen.dom) == {
        "chart lines": 4,
        "chart timeline": 1,
        "chart bars": 1,
        "window": 3 * 4 + 1,
        "band": 3 + 3,  # each with its entry in the legend
        "alert": 2 + 2,  # on the orders, and on the time axis of all alerts
        "bar": 1,
        "mark spike": 3 + 3,
    }


def test_browser_shows_text_from_outside_as_text(tmp_path: Path) -> None:
    seen = look_at(page(HOSTILE_EVERYWHERE), tmp_path)
    assert (seen.console, seen.requests) == ([], [])
    assert seen.dom.all("script") == []
    assert HOSTILE in seen.dom.text_by_section["dead_letters"]


def test_browser_shows_an_empty_page_without_complaint(tmp_path: Path) -> None:
    seen = look_at(page(EMPTY), tmp_path)
    assert (seen.console, seen.requests) == ([], [])
    assert set(marks(seen.dom).values()) == {0}


LOADS = '<img src="http://127.0.0.1:9/a.png"><script>console.log("ran")</script></main>'


def test_policy_keeps_the_browser_from_what_somebody_puts_in(tmp_path: Path) -> None:
    seen = look_at(page(FULL).replace("</main>", LOADS), tmp_path)
    assert seen.requests == []
    assert len(seen.console) == 2
    assert all("Content Security Policy" in line for line in seen.console)


def test_a_page_without_the_policy_is_caught(tmp_path: Path) -> None:
    """The two tests above would see a request and a line on the console."""
    bare = page(FULL).replace("default-src 'none'; ", "").replace("</main>", LOADS)
    seen = look_at(bare, tmp_path)
    assert seen.requests == ["http://127.0.0.1:9/a.png"]
    assert len(seen.console) == 1
