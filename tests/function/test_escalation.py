"""Which channel hears which state of an alert: the examples. test_orders.py has every order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.function.instance import Least
from tests.function.recording_server import RecordingServer
from tests.function.shop import CHANNELS, OPEN, RESOLVED, Shop, State, content, ongoing

# (least breaches of every channel), what comes -> what slack hears, what pagerduty hears, what a record hears
EXAMPLES: dict[str, tuple[int, list[State], list[str], list[str], list[str]]] = {
    "in order, from the first breach on": (
        1,
        [OPEN, *ongoing(2, 3, 4, 5, 6), RESOLVED],
        ["open", "ongoing", "resolved"],
        ["trigger", "trigger", "resolved"],
        ["open", "ongoing", "resolved"],
    ),
    "in order, from the fifth on": (
        5,
        [OPEN, *ongoing(2, 3, 4, 5, 6, *range(7, 27)), RESOLVED],
        ["ongoing", "resolved"],
        ["trigger", "resolved"],
        ["ongoing", "resolved"],
    ),
    "too few, so that its end is not told either": (
        7,
        [OPEN, *ongoing(2, 3, 4, 5, 6), RESOLVED],
        [],
        [],
        [],
    ),
    "the end overtakes what would have been told": (
        5,
        [OPEN, *ongoing(2, 3, 4), RESOLVED, *ongoing(5, 6)],
        ["resolved"],
        ["resolved"],
        ["resolved", "ongoing"],
    ),
    "the end comes first": (
        1,
        [RESOLVED, *ongoing(2), OPEN],
        ["resolved"],
        ["resolved"],
        ["resolved", "ongoing", "open"],
    ),
    "the beginning comes last": (
        1,
        [*ongoing(2, 3), OPEN, RESOLVED],
        ["ongoing", "open", "resolved"],
        ["trigger", "trigger", "resolved"],
        ["ongoing", "open", "resolved"],
    ),
    "everything three times": (
        3,
        [OPEN, *ongoing(2, 3)] * 3 + [RESOLVED] * 3 + [OPEN, *ongoing(2, 3)],
        ["ongoing", "resolved"],
        ["trigger", "resolved"],
        ["ongoing", "resolved"],
    ),
    "a milder end of what was told": (
        1,
        [State("open", 1, "critical"), State("resolved", 1, "info")],
        ["open", "resolved"],
        ["trigger", "resolved"],
        ["open", "resolved"],
    ),
    "a milder end overtakes: the incident stays closed, people hear of it": (
        1,
        [State("resolved", 1, "info"), State("open", 1, "critical")],
        ["open"],
        [],
        ["open"],
    ),
    "without a count of breaches the severity alone decides": (
        5,
        [State("open", None), State("resolved", None)],
        ["open", "resolved"],
        ["trigger", "resolved"],
        ["open", "resolved"],
    ),
    "too mild, however many breaches": (
        5,
        [State("ongoing", 9, "info"), State("resolved", 9, "info")],
        [],
        [],
        [],
    ),
    "mild at its first breaches, grave at its third": (
        2,
        [State("open", 1, "info"), State("ongoing", 2, "info"), State("ongoing", 3, "error")],
        ["ongoing"],
        ["trigger"],
        ["ongoing"],
    ),
}


@pytest.mark.parametrize("case", EXAMPLES.values(), ids=EXAMPLES)
def test_channels_hear(
    target: RecordingServer,
    tmp_path: Path,
    alert: dict[str, Any],
    case: tuple[int, list[State], list[str], list[str], list[str]],
) -> None:
    breaches, states, *heard = case
    shop = Shop(target, tmp_path, dict.fromkeys(CHANNELS, Least(breaches, "warning")))
    for state in states:
        assert shop.instances[0].push(content(alert, state))
    assert [shop.took("slack"), shop.took("pagerduty"), shop.took("webhook")] == heard
    assert shop.took("file") == heard[2]
