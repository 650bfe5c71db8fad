from __future__ import annotations

import pytest

from pipeline.main import main
from tests.options.command_line import Complaint, argv


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Complaint:
    """Run the pipeline with wrong flags: the one line that it says, and it must say nothing else."""

    def run(*changes: str, without: str = "") -> str:
        assert main(argv(*changes, without=without)) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.startswith("error: ")
        assert output.err.endswith("\n")
        assert output.err.count("\n") == 1, output.err
        return output.err.removeprefix("error: ").rstrip("\n")

    return run
