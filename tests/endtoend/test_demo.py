"""The demo as a user runs it, only shorter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.endtoend.pipeline_process import REPOSITORY


@pytest.mark.slow
def test_demo_runs_and_every_figure_agrees(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local", "demo", "--seconds", "20", "--output", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["balanced"] is True
    assert len(summary["checks"]) > 30
    assert [check["what"] for check in summary["checks"] if check["left"] != check["right"]] == []
    assert summary["manifest"]["published"] > 8_000
    assert min(summary["manifest"][word] for word in ("malformed", "duplicates", "late")) > 0
    assert summary["alerts_delivered"] > 0
