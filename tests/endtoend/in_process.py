"""A command on a plant's resources, run in this process: starting another one takes seconds."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unittest import mock

from tests.endtoend.plant import Plant


class Ended(NamedTuple):
    """What a command has said."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """What --json has said."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def run_in_process(main: Callable[[Sequence[str]], int], plant: Plant, arguments: Sequence[str]) -> Ended:
    """Run a command's `main` to its end."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, plant.stack.environment),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main(arguments)
    return Ended(code, out.getvalue(), err.getvalue())
