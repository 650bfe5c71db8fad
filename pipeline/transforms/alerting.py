"""Alerts on their way: to the table first, then to the topic whose subscribers tell people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipeline.alerts import Alert, alert_message, alert_row
from pipeline.clock import now_us
from pipeline.publishing import publish
from pipeline.rows import Run
from pipeline.tables import Tables


class AlertSettings(NamedTuple):
    """Where alerts go."""

    tables: Tables
    topic: str | None
    """None: alerts are recorded and not sent."""
    run: Run


class SendAlerts(beam.PTransform):
    """Record alerts in the table `alerts`, and publish them. Input: Alert. Output: Alert, once sent."""

    def __init__(self, settings: AlertSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, alerts: beam.PCollection) -> beam.PCollection:
        return alerts | "Send" >> beam.ParDo(_Send(self.settings)).with_output_types(Alert)


class _Send(beam.DoFn):
    def __init__(self, settings: AlertSettings) -> None:
        self.settings = settings
        self.sent = Metrics.counter("alerts", "alerts_sent")

    def process(self, alert: Alert) -> Iterator[Alert]:
        settings = self.settings
        emitted_at_us = now_us()
        run_id = settings.run.run_id
        settings.tables.write("alerts", [alert_row(alert, run_id, emitted_at_us)])
        if settings.topic is not None:
            publish(settings.topic, [alert_message(alert, run_id, emitted_at_us)])
            self.sent.inc()
        yield alert
