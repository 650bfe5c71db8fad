from __future__ import annotations

import pytest

from pipeline.main import main
from tests.options.command_line import Complaint, argv
from tests.options.complaints import complaint_of


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Complaint:
    """Run the pipeline with wrong flags: the one line that it says, and it must say nothing else."""

    def run(*changes: str, without: str = "") -> str:
        return complaint_of(main, argv(*changes, without=without), capsys)

    return run
