"""Alerts on their way: to the table first, then to the topic whose subscribers tell people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipeline.alerts import Alert, alert_message, alert_row
from pipeline.bigquery_sink import CountInserts
from pipeline.chunks import Chunk, GatherChunks
from pipeline.clock import now_us
from pipeline.outages import outage_alerts
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
    """Record alerts in `alerts`, and publish them. Input: list[Alert]. Output: the same, once sent."""

    def __init__(self, settings: AlertSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, alerts: beam.PCollection) -> beam.PCollection:
        send = beam.ParDo(_Send(self.settings)).with_output_types(Chunk)
        return alerts | "GatherChunks" >> GatherChunks() | "Send" >> send


class _Send(beam.DoFn):
    def __init__(self, settings: AlertSettings) -> None:
        self.settings = settings
        self.metrics = CountInserts()
        self.sent = Metrics.counter("alerts", "alerts_sent")

    def process(self, alerts: list[Alert]) -> Iterator[list[Alert]]:
        settings = self.settings
        emitted_at_us = now_us()
        run_id, dataset = settings.run.run_id, settings.tables.dataset
        told, unrecorded = list(alerts), alerts
        while unrecorded:
            rows = [alert_row(alert, run_id, emitted_at_us, dataset) for alert in unrecorded]
            report = settings.tables.write("alerts", rows)
            self.metrics.count(len(rows), report)
            # Of an outage of the table of alerts itself this step is the one to tell.
            unrecorded = outage_alerts([report])
            told += unrecorded
        if settings.topic is not None:
            messages = [alert_message(alert, run_id, emitted_at_us, dataset) for alert in told]
            publish(settings.topic, messages)
            self.sent.inc(len(messages))
        yield told
