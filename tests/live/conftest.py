from __future__ import annotations

import pytest
from apache_beam.runners.direct import evaluation_context, executor, transform_evaluator
from apache_beam.runners.direct.watermark_manager import WatermarkManager

from pipeline.live.bundles import make_bundles_cheap


@pytest.fixture
def cheap_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The direct runner as a live run has it, for one test."""
    # Set to what they are, so that they are set back after the test.
    running = executor._ExecutorServiceParallelExecutor
    grouping = transform_evaluator._StreamingGroupAlsoByWindowEvaluator
    for owner, name in (
        (running, "schedule_consumers"),
        (transform_evaluator, "pickler"),
        (grouping, "process_element"),
        (evaluation_context, "DirectUnmergedState"),
        (WatermarkManager, "extract_all_timers"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    make_bundles_cheap()
