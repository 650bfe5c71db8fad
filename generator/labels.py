"""Labels: what an anomaly detector should have found, and when it really happened."""

from __future__ import annotations

from typing import Any

from generator.clock import NEVER_US
from generator.deliveries import stock_out_of
from generator.fraud import fraud_customer_ids
from generator.incidents import FRAUD_BURST, KINDS, STOCK_OUT, Incident
from generator.instants import TimestampText
from generator.plan import Plan
from generator.shop import product_ids, warehouse_ids


class Labels:
    """Follows a run and records when its incidents began and ended.

    The plan alone does not say: a publisher that stalls postpones what is still to come, and a run may
    be stopped half-way through an incident.
    """

    def __init__(self, plan: Plan) -> None:
        """Wait for the incidents of `plan`."""
        self._plan = plan
        self._begun: dict[Incident, int] = {}
        self._ended: dict[Incident, int] = {}
        self._next_us = min((incident.start_us for incident in plan.incidents), default=NEVER_US)

    def observe(self, publish_us: int, postponed_us: int) -> None:
        """Note that the run has come to `publish_us`, `postponed_us` later than planned."""
        shift_us = self._plan.start_us + self._plan.lag_us + postponed_us
        elapsed_us = publish_us - shift_us
        if elapsed_us < self._next_us:
            return
        self._next_us = NEVER_US
        for incident in self._plan.incidents:
            if elapsed_us >= incident.start_us:
                self._begun.setdefault(incident, shift_us + incident.start_us)
            else:
                self._next_us = min(self._next_us, incident.start_us)
            if elapsed_us >= incident.end_us:
                self._ended.setdefault(incident, shift_us + incident.end_us)
            else:
                self._next_us = min(self._next_us, incident.end_us)

    def as_dicts(self, run_end_us: int) -> list[dict[str, Any]]:
        """Return one label per incident that happened; one cut short ends with the run."""
        text = TimestampText()
        return [
            {
                "kind": incident.kind,
                "start": text.of(begun_us),
                "end": text.of(self._ended.get(incident, run_end_us)),
                "factor": incident.factor,
                "is_anomaly": KINDS[incident.kind].is_anomaly,
                "affects": self._affects(incident),
                **self._whereabouts(incident),
            }
            for incident, begun_us in sorted(self._begun.items(), key=lambda entry: (entry[1], entry[0]))
        ]

    def _affects(self, incident: Incident) -> dict[str, Any]:
        kind = KINDS[incident.kind]
        return {
            "event_types": [name for name in kind.affects["event_types"] if name in self._plan.event_types],
            "metrics": kind.affects["metrics"],
            "direction": kind.direction(incident.factor),
        }

    def _whereabouts(self, incident: Incident) -> dict[str, Any]:
        """Return who or what was drawn for the incident, if anything was."""
        plan = self._plan
        if incident.kind == FRAUD_BURST:
            return {"customer_ids": fraud_customer_ids(plan.incidents, incident, plan.customers)}
        if incident.kind == STOCK_OUT:
            products = product_ids(plan.products)
            drawn = stock_out_of(incident, plan.seed, warehouse_ids(plan.warehouses), products)
            where: dict[str, Any] = {"warehouse_ids": [drawn.warehouse_id]}
            if len(drawn.product_ids) < len(products):
                where["product_ids"] = sorted(drawn.product_ids)
            return where
        return {}
