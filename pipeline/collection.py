"""Python's garbage collector, kept out of the way of what makes no garbage."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from pipeline.errors import Rejected

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def without_collection(work: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Let `work` run without the collector, which would walk again and again over what it builds.

    A payload of 10 MB can hold five million arrays: reading them takes seconds with the collector, and a
    tenth of that without. No JSON value is in a cycle, so nothing is left for it.
    """

    @wraps(work)
    def uninterrupted(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        if not gc.isenabled():
            return work(*args, **kwargs)
        gc.disable()
        try:
            return work(*args, **kwargs)
        except Rejected as refusal:
            # Its traceback would keep alive what was read, and the collector would walk over that at last.
            refusal.__traceback__ = None
            raise
        finally:
            gc.enable()

    return uninterrupted
