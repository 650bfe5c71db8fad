"""Runs checks side by side, none longer than it may take."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence

from pipeline.preflight.faults import FAULTS, explain, no_answer
from pipeline.preflight.findings import Check, Finding

LIMIT_SECONDS = 10.0


def run_checks(checks: Sequence[Check], limit_seconds: float = LIMIT_SECONDS) -> Iterator[Finding]:
    """Yield what the checks find, in their order.

    All start at once, on threads of their own; what has not answered in time is left behind, since a call
    that hangs cannot be broken off. Raises what is not a fault of a service: a bug.
    """
    answers: list[queue.SimpleQueue[list[Finding] | Exception]] = []
    deadline = time.monotonic() + limit_seconds
    for check in checks:
        answer: queue.SimpleQueue[list[Finding] | Exception] = queue.SimpleQueue()
        answers.append(answer)
        threading.Thread(target=_look, args=(check, answer), daemon=True).start()
    for check, answer in zip(checks, answers, strict=True):
        try:
            found = answer.get(timeout=max(0.001, deadline - time.monotonic()))
        except queue.Empty:
            found = [no_answer(check, limit_seconds)]
        if isinstance(found, Exception):
            raise found
        yield from found


def _look(check: Check, answer: queue.SimpleQueue[list[Finding] | Exception]) -> None:
    try:
        answer.put(check.look())
    except FAULTS as error:
        answer.put([explain(check, error)])
    except Exception as error:  # carried to the thread that reports
        answer.put(error)
