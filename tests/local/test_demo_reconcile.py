"""The demo's question to the tables, on a machine that is too busy to answer it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local import demo


def test_a_reconciliation_that_takes_too_long_is_told_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "RECONCILE_TIMEOUT_SECONDS", 0.01)
    ended = demo._reconcile({**os.environ, "BQ_DATASET": "local-shop:none"}, tmp_path)
    assert ended.returncode == 1
    assert ended.stdout.startswith("It has not ended within 0.01 s: this machine is very busy. ")
