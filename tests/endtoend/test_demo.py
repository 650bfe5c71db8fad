"""The demo as a user runs it, only shorter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.endtoend.pipeline_process import REPOSITORY


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_demo_runs_and_every_figure_agrees(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local", "demo", "--seconds", "40", "--output", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["balanced"] is True
    assert len(summary["checks"]) > 30
    assert [check["what"] for check in summary["checks"] if check["left"] != check["right"]] == []
    assert summary["manifest"]["published"] > 16_000
    assert min(summary["manifest"][word] for word in ("malformed", "duplicates", "late")) > 0
    # Both incidents last 6 s, so that each fills more than half of one window of 5 s.
    assert {"low_validity", "spike"} <= {alert["kind"] for alert in summary["alerts"]}
    assert summary["alerts_delivered"] == len(summary["alerts"])
