"""Checkov's rules for Terraform; what is waived has its reason beside it, in the file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terraform.configuration import FILES, FOLDER, REPOSITORY

# It wants older versions of packages that the pipeline uses, and so an environment of its own.
PLACES = (REPOSITORY / ".venv-checkov" / "bin", Path(sys.executable).parent, os.environ.get("PATH", ""))
CHECKOV = shutil.which("checkov", path=os.pathsep.join(map(str, PLACES)))


@pytest.mark.skipif(CHECKOV is None, reason="checkov is neither in .venv-checkov nor on the PATH")
def test_checkov_finds_nothing_that_is_not_waived() -> None:
    run = subprocess.run(
        [CHECKOV or "checkov", "--directory=.", "--framework=terraform", "--output=json", "--skip-download"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    report = json.loads(run.stdout)
    failed = [
        (one["check_id"], one["check_name"], one["resource"]) for one in report["results"]["failed_checks"]
    ]
    assert failed == []
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 90


def test_every_waiver_has_a_reason() -> None:
    waivers = [
        line for file in FILES for line in file.read_text(encoding="utf-8").splitlines() if "checkov:" in line
    ]
    assert len(waivers) > 5
    assert [
        line for line in waivers if not re.search(r"# checkov:skip=CKV_GCP_\d+:[A-Za-z].{30,}\.$", line)
    ] == []
