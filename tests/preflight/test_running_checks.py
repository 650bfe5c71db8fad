from __future__ import annotations

import threading
import time

import pytest
from google.api_core.exceptions import Forbidden, NotFound

from pipeline.preflight.findings import Check, Finding, State, ok
from pipeline.preflight.running import run_checks


def check(what: str, look, service: str = "BigQuery") -> Check:
    return Check(what, service, "shop", look, "create it", "roles/viewer")


def raising(error: Exception):
    def look() -> list[Finding]:
        raise error

    return look


def test_checks_run_side_by_side_and_are_told_in_their_order() -> None:
    both = threading.Barrier(2, timeout=5)

    def look(what: str, seconds: float) -> list[Finding]:
        both.wait()
        time.sleep(seconds)
        return [ok(what)]

    checks = [check("slow", lambda: look("slow", 0.2)), check("quick", lambda: look("quick", 0))]
    assert [one.what for one in run_checks(checks)] == ["slow", "quick"]


def test_a_check_that_hangs_is_left_after_its_time() -> None:
    started = time.monotonic()
    never = threading.Event()
    checks = [check("hangs", lambda: [ok(str(never.wait(30)))]), check("answers", lambda: [ok("answers")])]
    found = list(run_checks(checks, limit_seconds=0.3))
    never.set()
    assert [(one.what, one.state, one.said) for one in found] == [
        ("hangs", State.WRONG, "No answer within 0.3 s."),
        ("answers", State.OK, ""),
    ]
    assert time.monotonic() - started < 5


def test_an_api_that_is_off_comes_with_the_command_that_turns_it_on() -> None:
    off = Forbidden("BigQuery API has not been used in project shop before or it is disabled.")
    (found,) = run_checks([check("dataset", raising(off))])
    assert found == (
        "dataset",
        State.WRONG,
        "The API bigquery.googleapis.com is off in the project shop.",
        "gcloud services enable bigquery.googleapis.com --project=shop",
    )


def test_what_may_not_be_looked_at_is_not_checked_and_says_by_which_role_it_could_be() -> None:
    (found,) = run_checks([check("dataset", raising(Forbidden("Access Denied")))])
    assert (found.state, found.said) == (
        State.NOT_CHECKED,
        "This account may not look at it: roles/viewer lets it.",
    )


def test_a_missing_thing_comes_with_the_command_that_creates_it() -> None:
    (found,) = run_checks([check("dataset", raising(NotFound("no")))])
    assert (found.state, found.run) == (State.WRONG, "create it")


def test_a_bug_is_raised_and_not_told_as_a_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        list(run_checks([check("dataset", lambda: [ok(str(1 // 0))])]))
