"""Labels: what an anomaly detector should have found, and when it really happened."""

from __future__ import annotations

from typing import Any

from generator.incidents import KINDS, Incident
from generator.instants import TimestampText
from generator.simulation import Plan


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

    def observe(self, publish_us: int, postponed_us: int) -> None:
        """Note that the run has come to `publish_us`, `postponed_us` later than planned."""
        shift_us = self._plan.start_us + self._plan.lag_us + postponed_us
        elapsed_us = publish_us - shift_us
        for incident in self._plan.incidents:
            if elapsed_us >= incident.start_us:
                self._begun.setdefault(incident, shift_us + incident.start_us)
            if elapsed_us >= incident.end_us:
                self._ended.setdefault(incident, shift_us + incident.end_us)

    def as_dicts(self, run_end_us: int) -> list[dict[str, Any]]:
        """Return one label per incident that happened; one cut short ends with the run."""
        text = TimestampText()
        return [
            {
                "kind": incident.kind,
                "start": text.of(begun_us),
                "end": text.of(self._ended.get(incident, run_end_us)),
                "factor": incident.factor,
                "affects": dict(KINDS[incident.kind].affects),
            }
            for incident, begun_us in sorted(self._begun.items(), key=lambda entry: (entry[1], entry[0]))
        ]
