"""`python -m pipeline.reconcile` on a plant's dataset."""

from __future__ import annotations

import contextlib
import io
import json
import os
from typing import Any, NamedTuple
from unittest import mock

from pipeline.reconcile.__main__ import main
from tests.endtoend.plant import Plant


class Ended(NamedTuple):
    """What a reconciliation has said."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """What --json has said."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def reconcile(plant: Plant, *flags: str) -> Ended:
    """Reconcile in this process: starting another one takes seconds."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, plant.stack.environment),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main([f"--bq_dataset={plant.dataset}", *flags])
    return Ended(code, out.getvalue(), err.getvalue())
