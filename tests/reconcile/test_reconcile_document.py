"""docs/reconcile.md names the findings there are."""

from __future__ import annotations

import re

from pipeline.reconcile.findings import KINDS
from tests.endtoend.pipeline_process import REPOSITORY

TEXT = (REPOSITORY / "docs" / "reconcile.md").read_text(encoding="utf-8")


def test_every_finding_has_its_row_with_its_stage_and_there_is_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| (a note: )?.+ \| .+ \|$", TEXT, re.MULTILINE)
    assert [(word, stage, not note) for word, stage, note in rows] == [
        (kind.word, kind.stage, kind.is_gap) for kind in KINDS
    ]
