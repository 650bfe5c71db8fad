"""Each equation of the demo fails when the figures on one of its sides are wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from local.demo_checks import check_everything
from local.demo_figures import Figures

MANIFEST = {
    "published": 100,
    "valid": 90,
    "malformed": 6,
    "duplicates": 4,
    "late": 3,
    "by_event_type": {"order": {"valid": 40}, "inventory": {"valid": 30}, "user_activity": {"valid": 20}},
    "valid_by_earlier_version": {"user_activity 1": 2},
    "malformed_by_reason": {"malformed_json": 5, "wrong_type": 1},
}
LEDGER = {
    "order": {"received": 43, "accepted": 40, "duplicates": 2, "rejected": 1, "late": 3},
    "inventory": {"received": 32, "accepted": 30, "duplicates": 2, "rejected": 0, "late": 0},
    "user_activity": {"received": 20, "accepted": 20, "duplicates": 0, "rejected": 0, "late": 0},
    "unknown": {"received": 5, "accepted": 0, "duplicates": 0, "rejected": 5, "late": 0},
}
EVENT_TABLES = {"order": "orders", "inventory": "inventory_logs", "user_activity": "user_activity"}
BALANCED: dict[str, Any] = {
    "manifest": MANIFEST,
    "ledger": LEDGER,
    "table_rows": {"orders": 40, "inventory_logs": 30, "user_activity": 20, "dead_letters": 6},
    "deduplicated_rows": {
        "orders_deduplicated": 40,
        "inventory_logs_deduplicated": 30,
        "user_activity_deduplicated": 20,
        "dead_letters_deduplicated": 6,
    },
    "lake_rows": {"order": 40, "inventory": 30, "user_activity": 20},
    "lake_files": 9,
    "dlq_messages": 6,
    "reasons": [],
    "rejected_by_reason": {"malformed_json": 5, "wrong_type": 1},
    "rows_by_version": {"user_activity 1": 2, "user_activity 3": 18},
    "orders_in_windows": 39,
    "orders_in_hours": 39,
    "windows": [],
    "alerts": [{"kind": "low_validity"}, {"kind": "spike"}, {"kind": "drop"}],
    "alert_states": 8,
    "alerts_delivered": 8,
    "alerts_explained": 3,
    "incidents_told": {"bad_deploy": 1, "order_spike": 1},
    "pipeline": {
        "messages_read": 100,
        "messages_finished": 100,
        "counters": {"metrics.orders_too_late": 1},
    },
}
WITH_ONE_MORE = {
    "manifest/published": {
        "published = accepted + duplicates + rejected",
        "ledger: received = published",
        "pipeline: messages read = published",
        "pipeline: messages acknowledged = published",
    },
    "manifest/valid": {"ledger: accepted = valid events published"},
    "manifest/duplicates": {"ledger: duplicates = duplicates published"},
    "manifest/malformed": {"ledger: rejected = malformed events published"},
    "manifest/late": {"ledger: late = late events published"},
    "ledger/order/received": {"ledger: received = published"},
    "ledger/order/accepted": {
        "published = accepted + duplicates + rejected",
        "ledger: accepted = valid events published",
        "orders: rows = accepted",
        "orders_deduplicated: rows = accepted",
        "lake order: rows = accepted",
    },
    "ledger/inventory/duplicates": {
        "published = accepted + duplicates + rejected",
        "ledger: duplicates = duplicates published",
    },
    "ledger/unknown/rejected": {
        "published = accepted + duplicates + rejected",
        "ledger: rejected = malformed events published",
        "dead_letters: rows = rejected",
        "DLQ topic: messages = rejected",
    },
    "ledger/order/late": {"ledger: late = late events published"},
    **{
        f"manifest/by_event_type/{event_type}/valid": {f"{table}: rows = valid events published"}
        for event_type, table in EVENT_TABLES.items()
    },
    **{
        f"table_rows/{table}": {f"{table}: rows = valid events published", f"{table}: rows = accepted"}
        for table in ("inventory_logs", "user_activity")
    },
    "table_rows/orders": {
        "orders: rows = valid events published",
        "orders: rows = accepted",
        "order_metrics: orders = rows of orders",
        "hourly_metrics: orders = rows of orders",
    },
    **{
        f"deduplicated_rows/{table}_deduplicated": {f"{table}_deduplicated: rows = accepted"}
        for table in EVENT_TABLES.values()
    },
    **{f"lake_rows/{event_type}": {f"lake {event_type}: rows = accepted"} for event_type in EVENT_TABLES},
    "table_rows/dead_letters": {"dead_letters: rows = rejected"},
    "dlq_messages": {"DLQ topic: messages = rejected"},
    "manifest/valid_by_earlier_version/user_activity 1": {"user_activity 1: rows = as published"},
    "rows_by_version/user_activity 1": {"user_activity 1: rows = as published"},
    "manifest/malformed_by_reason/wrong_type": {"dead letters: wrong_type = as published"},
    "rejected_by_reason/malformed_json": {"dead letters: malformed_json = as published"},
    "orders_in_windows": {"order_metrics: orders = rows of orders"},
    "orders_in_hours": {"hourly_metrics: orders = rows of orders"},
    "pipeline/counters/metrics.orders_too_late": {
        "order_metrics: orders = rows of orders",
        "hourly_metrics: orders = rows of orders",
    },
    "alerts_delivered": {"alerts: states delivered by the function = recorded"},
    "alert_states": {"alerts: states delivered by the function = recorded"},
    "alerts_explained": {"alerts: belong to an incident = alerts"},
    **{
        f"incidents_told/{incident}": {f"{incident}: an alert opened, was delivered and was resolved"}
        for incident in ("bad_deploy", "order_spike")
    },
    "pipeline/messages_read": {"pipeline: messages read = published"},
    "pipeline/messages_finished": {"pipeline: messages acknowledged = published"},
}
"""A figure -> the equations that no longer hold when it is one more."""


def failing(figures: dict[str, Any]) -> set[str]:
    return {check.what for check in check_everything(Figures(**figures)) if not check.holds}


def test_all_equations_hold_for_balanced_figures() -> None:
    assert failing(BALANCED) == set()


@pytest.mark.parametrize("figure", WITH_ONE_MORE)
def test_equations_of_a_wrong_figure_fail(figure: str) -> None:
    figures = copy.deepcopy(BALANCED)
    *path, last = figure.split("/")
    holder = figures
    for step in path:
        holder = holder[step]
    holder[last] += 1
    assert failing(figures) == WITH_ONE_MORE[figure]


def test_no_equation_is_left_untested() -> None:
    every = {check.what for check in check_everything(Figures(**copy.deepcopy(BALANCED)))}
    assert set().union(*WITH_ONE_MORE.values()) == every


def test_event_type_without_a_row_in_the_ledger_fails() -> None:
    figures = copy.deepcopy(BALANCED)
    del figures["ledger"]["inventory"]
    assert "inventory_logs: rows = accepted" in failing(figures)


def test_reason_that_never_arrived_fails() -> None:
    figures = copy.deepcopy(BALANCED)
    del figures["rejected_by_reason"]["wrong_type"]
    assert failing(figures) == {"dead letters: wrong_type = as published"}
