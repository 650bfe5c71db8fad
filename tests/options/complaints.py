"""What a command says of wrong flags."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest


def complaint_of(
    main: Callable[[Sequence[str]], int], flags: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """Run a command with wrong flags: the one line that it says, and it must say nothing else."""
    assert main(flags) == 2
    output = capsys.readouterr()
    said = re.fullmatch(r"error: (.*)\n", output.err)
    assert said, output.err
    assert output.out == ""
    return said[1]
