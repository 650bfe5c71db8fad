"""Any endpoint that takes a JSON object."""

from __future__ import annotations

from alert import Alert
from channels.http_post import TRY_SECONDS, Endpoint
from delivered import readable_key


class WebhookChannel:
    """Posts the alert's fields. The URL and the bearer token are the secrets."""

    name = "webhook"
    holds_incidents = False
    hears_late_states = True

    def __init__(self, url: str, token: str | None, *, try_seconds: float = TRY_SECONDS) -> None:
        self._endpoint = Endpoint(url, secrets=[token] if token else [], try_seconds=try_seconds)
        self._token = token

    def send(self, alert: Alert) -> None:
        """Post the alert. Raises Unavailable or Refused.

        The same alert and state has the same Idempotency-Key, so that the endpoint can tell a repetition.
        """
        headers = {"Idempotency-Key": readable_key(alert.alert_id, alert.state, self.name)}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        self._endpoint.post(alert.fields(), headers)
