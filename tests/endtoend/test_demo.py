"""The demo as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.endtoend.pipeline_process import REPOSITORY
from tests.local.html_page import Page


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_demo_runs_and_every_figure_agrees(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local", "demo", "--seconds", "75", "--output", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "\nbalanced\n" in ended.stdout.split("python -m pipeline.reconcile\n")[1]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["balanced"] is True
    assert len(summary["checks"]) > 30
    assert [check["what"] for check in summary["checks"] if check["left"] != check["right"]] == []
    assert summary["manifest"]["published"] > 30_000
    assert min(summary["manifest"][word] for word in ("malformed", "duplicates", "late")) > 0
    assert summary["manifest"]["valid_by_earlier_version"].keys() == {"user_activity 1", "user_activity 2"}
    whole_lives = {
        (alert["incident"], alert["kind"])
        for alert in summary["alerts"]
        if alert["arrived_at"] is not None and alert["resolved_at"] is not None
    }
    assert {("bad_deploy", "low_validity"), ("order_spike", "spike")} <= whole_lives
    assert {alert["incident"] for alert in summary["alerts"]} <= {
        *("bad_deploy", "order_spike", "end of the run")
    }
    assert summary["alerts_delivered"] >= 2 * 2  # each opened and was resolved
    page = (tmp_path / "report.html").read_text()
    assert Page(page).faults == []
    assert page.count('<g class="alert">') >= len(summary["alerts"])
    assert "low_validity order, resolved" in page
