"""The ledger, window by window: too many rejected, too slow."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.alerts import Alert
from pipeline.anomalies import sentences
from pipeline.anomalies.life import Breach, Measured, Subject, Watch, Window
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.verdicts import Verdicts
from pipeline.transforms.quality import Counts

VALIDITY, LATENCY = "validity_rate", "latency_ms_p95"
ALL = "all"


class LedgerJudge:
    """A watch for each event type's validity, one for all messages', and one for the latency."""

    def __init__(self, settings: AnomalySettings) -> None:
        self.settings = settings
        self.validity: dict[str, Watch] = {}
        self.latency = Watch(Subject(LATENCY))

    def use(self, settings: AnomalySettings) -> None:
        """Judge by other settings from now on."""
        self.settings = settings

    @property
    def wants_gaps(self) -> bool:
        """Whether a window without any message matters: while an alert waits to be resolved."""
        return self.latency.is_open or any(watch.is_open for watch in self.validity.values())

    def judge(self, window: Window, observed: Mapping[str, Counts] | None) -> Verdicts:
        """Judge the next window. None: no message came."""
        counts = observed or {}
        total = Counts()
        for each in counts.values():
            total.add(each)
        alerts = self._judge_validity(window, counts, total)
        cooldown = self.settings.cooldown_windows
        limit, latency_ms = self.settings.max_latency_ms, total.latency_ms.percentile(0.95)
        if limit is not None and latency_ms is not None:
            measured = Measured(latency_ms, None, limit, latency_ms / limit)
            breach = None
            if latency_ms > limit:
                breach = Breach("high_latency", "error", sentences.high_latency(latency_ms, limit))
            alerts += self.latency.observe(window, measured, breach, cooldown)
        elif self.latency.is_open:
            alerts += self.latency.observe(window, Measured(0.0, None, limit), None, cooldown)
        return Verdicts(alerts, [])

    def correct(self, window: Window, observed: Mapping[str, Counts]) -> list[Alert]:
        """A late pane adds messages that were late themselves; what was rejected stays rejected."""
        return []

    def _judge_validity(self, window: Window, counts: Mapping[str, Counts], total: Counts) -> list[Alert]:
        """Judge each event type; all together only where no single one explains it."""
        breaches = {
            event_type: breach
            for event_type, each in sorted(counts.items())
            if (breach := self._breach(event_type, each)) is not None
        }
        if not breaches and (breach := self._breach(ALL, total)) is not None:
            breaches[ALL] = breach
        for event_type in breaches:
            if event_type not in self.validity:
                dimension = ALL if event_type == ALL else "event_type"
                self.validity[event_type] = Watch(Subject(VALIDITY, dimension, event_type))
        told: list[Alert] = []
        for event_type, watch in self.validity.items():
            each = total if event_type == ALL else counts.get(event_type, Counts())
            rate = each.validity_rate
            measured = Measured(1.0 if rate is None else rate, self.settings.min_validity_rate, 1.0)
            cooldown = self.settings.cooldown_windows
            told += watch.observe(window, measured, breaches.get(event_type), cooldown)
        return told

    def _breach(self, event_type: str, counts: Counts) -> Breach | None:
        rate, least = counts.validity_rate, self.settings.min_validity_rate
        if rate is None or counts.received < self.settings.min_messages or rate >= least:
            return None
        words = sentences.low_validity(event_type, counts.rejected, counts.received, rate, least)
        return Breach("low_validity", "critical" if rate < least / 2 else "error", words)
