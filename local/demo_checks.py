"""The demo's promise: every published message is in exactly one place, and all places agree."""

from __future__ import annotations

from typing import NamedTuple

from local.demo_figures import Figures
from pipeline.contract import load_contract


class Check(NamedTuple):
    """One equation and whether it holds."""

    what: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        """Whether both sides are equal."""
        return self.left == self.right


def check_everything(figures: Figures) -> list[Check]:
    """Every equation between the generator's manifest, the ledger, the tables, the lake and the queue."""
    manifest, ledger = figures.manifest, figures.ledger
    total = {word: sum(counts[word] for counts in ledger.values()) for word in _LEDGER_WORDS}
    checks = [
        Check(
            "published = accepted + duplicates + rejected",
            manifest["published"],
            total["accepted"] + total["duplicates"] + total["rejected"],
        ),
        Check("ledger: received = published", total["received"], manifest["published"]),
        Check("ledger: accepted = valid events published", total["accepted"], manifest["valid"]),
        Check("ledger: duplicates = duplicates published", total["duplicates"], manifest["duplicates"]),
        Check("ledger: rejected = malformed events published", total["rejected"], manifest["malformed"]),
        Check("ledger: late = late events published", total["late"], manifest["late"]),
    ]
    contract = load_contract()
    for event_type in contract.event_types:
        table = contract.table_of(event_type).name
        accepted = ledger.get(event_type, {}).get("accepted", 0)
        valid = manifest["by_event_type"].get(event_type, {}).get("valid", 0)
        checks += [
            Check(f"{table}: rows = valid events published", figures.table_rows[table], valid),
            Check(f"{table}: rows = accepted", figures.table_rows[table], accepted),
            Check(f"lake {event_type}: rows = accepted", figures.lake_rows.get(event_type, 0), accepted),
        ]
        view = f"{table}_deduplicated"
        if view in contract.views:
            checks.append(Check(f"{view}: rows = accepted", figures.deduplicated_rows[view], accepted))
    for reason, letters in manifest["malformed_by_reason"].items():
        checks.append(
            Check(
                f"dead letters: {reason} = as published", figures.rejected_by_reason.get(reason, 0), letters
            )
        )
    for version, valid in manifest["valid_by_earlier_version"].items():
        checks.append(
            Check(f"{version}: rows = as published", figures.rows_by_version.get(version, 0), valid)
        )
    too_late = figures.pipeline["counters"].get("metrics.orders_too_late", 0)
    orders = figures.table_rows["orders"] - too_late
    return [
        *checks,
        Check("dead_letters: rows = rejected", figures.table_rows["dead_letters"], total["rejected"]),
        Check("DLQ topic: messages = rejected", figures.dlq_messages, total["rejected"]),
        Check("order_metrics: orders = rows of orders", figures.orders_in_windows, orders),
        Check("hourly_metrics: orders = rows of orders", figures.orders_in_hours, orders),
        Check(
            "alerts: states delivered by the function = recorded",
            figures.alerts_delivered,
            figures.alert_states,
        ),
        Check("alerts: belong to an incident = alerts", figures.alerts_explained, len(figures.alerts)),
        *(
            Check(f"{incident}: an alert opened, was delivered and was resolved", told, 1)
            for incident, told in figures.incidents_told.items()
        ),
        Check(
            "pipeline: messages read = published", figures.pipeline["messages_read"], manifest["published"]
        ),
        Check(
            "pipeline: messages acknowledged = published",
            figures.pipeline["messages_finished"],
            manifest["published"],
        ),
    ]


_LEDGER_WORDS = ("received", "accepted", "duplicates", "rejected", "late")
