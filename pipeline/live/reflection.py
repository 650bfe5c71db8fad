"""Spares the direct runner looking at every DoFn's methods for every bundle.

For each bundle of each step the runner asks several times whether the DoFn keeps state, and each time
Beam inspects the signatures of all its methods: half of the runner's time on a live run
(docs/performance.md). The answers depend on the class alone, and are kept here.
"""

from __future__ import annotations

from typing import Any

from apache_beam.transforms import core, userstate


def remember_signatures() -> None:
    """Let this process inspect each function and each DoFn class once. Does no harm if repeated."""
    if isinstance(core.get_signature, _ByFunction):
        return
    core.get_signature = _ByFunction(core.get_signature)
    userstate.get_dofn_specs = _ByClass(userstate.get_dofn_specs)


class _ByFunction:
    """Remembers an answer about a function, or about the function behind a bound method."""

    def __init__(self, ask: Any) -> None:
        self._ask = ask
        self._answers: dict[Any, Any] = {}

    def __call__(self, function: Any) -> Any:
        behind = getattr(function, "__func__", None)
        if behind is None:
            return self._ask(function)
        answer = self._answers.get(behind)
        if answer is None:
            answer = self._answers[behind] = self._ask(function)
        return answer


class _ByClass:
    """Remembers an answer about a DoFn by its class; one that wraps a function is asked each time."""

    def __init__(self, ask: Any) -> None:
        self._ask = ask
        self._answers: dict[type[Any], Any] = {}

    def __call__(self, dofn: Any) -> Any:
        if isinstance(dofn, core.CallableWrapperDoFn):
            return self._ask(dofn)
        answer = self._answers.get(type(dofn))
        if answer is None:
            answer = self._answers[type(dofn)] = self._ask(dofn)
        return answer
