"""PagerDuty, by its Events API v2."""

from __future__ import annotations

import hashlib

from alert import Alert
from channels.http_post import TRY_SECONDS, Endpoint
from channels.text import cut

_MAX_KEY_CHARS = 255
_MAX_SUMMARY_CHARS = 1_024
_MAX_DETAIL_CHARS = 1_024  # an event ends at 512 KB
_MAX_QUERY_CHARS = 16_384  # a query that is cut cannot be run
_MAX_WORD_CHARS = 255


class PagerDutyChannel:
    """Opens an incident for an alert, and resolves it. The routing key is the secret."""

    name = "pagerduty"
    holds_incidents = True
    hears_late_states = False

    def __init__(self, url: str, routing_key: str, *, try_seconds: float = TRY_SECONDS) -> None:
        self._endpoint = Endpoint(url, secrets=[routing_key], try_seconds=try_seconds)
        self._routing_key = routing_key

    def send(self, alert: Alert) -> None:
        """Send the event. Raises Unavailable or Refused."""
        self._endpoint.post(pagerduty_event(alert, self._routing_key))


def pagerduty_event(alert: Alert, routing_key: str) -> dict[str, object]:
    """Return the event: `resolve` for a resolved alert, `trigger` for any other.

    All states of an alert share its dedup_key, so that they end in one incident. Our four severities are
    PagerDuty's own words.
    """
    identity: dict[str, object] = {"routing_key": routing_key, "dedup_key": _dedup_key(alert.alert_id)}
    if alert.state == "resolved":
        return {**identity, "event_action": "resolve"}
    return {
        **identity,
        "event_action": "trigger",
        "client": "e-commerce event pipeline",
        "payload": {
            "summary": cut(alert.summary, _MAX_SUMMARY_CHARS),
            "source": cut(f"{alert.dimension}:{alert.dimension_value}", _MAX_WORD_CHARS),
            "severity": alert.severity,
            "timestamp": alert.emitted_at,
            "component": cut(alert.metric, _MAX_WORD_CHARS),
            "group": cut(alert.dimension, _MAX_WORD_CHARS),
            "class": cut(alert.kind, _MAX_WORD_CHARS),
            "custom_details": {name: _detail(name, value) for name, value in alert.fields().items()},
        },
    }


def _detail(name: str, value: str | float | None) -> str | float | None:
    if not isinstance(value, str):
        return value
    return cut(value, _MAX_QUERY_CHARS if name == "query" else _MAX_DETAIL_CHARS)


def _dedup_key(alert_id: str) -> str:
    if len(alert_id) <= _MAX_KEY_CHARS:
        return alert_id
    # Cutting would put different alerts into one incident.
    return "sha256-" + hashlib.sha256(alert_id.encode()).hexdigest()
