"""The console: one structured log line for each alert, which Cloud Logging can filter and count."""

from __future__ import annotations

from alert import Alert
from structured_log import log_line

_LOG_SEVERITY = {"critical": "CRITICAL", "error": "ERROR", "warning": "WARNING", "info": "INFO"}


class ConsoleChannel:
    """Writes the alert to standard output."""

    name = "console"
    holds_incidents = False
    hears_late_states = True

    def send(self, alert: Alert) -> None:
        """Write the line. Good news of a grave alert is a NOTICE: it must not page whoever watches errors."""
        severity = "NOTICE" if alert.state == "resolved" else _LOG_SEVERITY[alert.severity]
        log_line(severity, alert.summary, channel=self.name, alert=alert.fields())
