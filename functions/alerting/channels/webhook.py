"""Any endpoint that takes a JSON object."""

from __future__ import annotations

from alert import Alert
from channels.http_post import post_json
from delivered import marker_key


class WebhookChannel:
    """Posts the alert's fields. The URL and the bearer token are the secrets."""

    name = "webhook"
    holds_incidents = False

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._token = token

    def send(self, alert: Alert) -> None:
        """Post the alert. Raises Unavailable or Refused.

        The same alert and state has the same Idempotency-Key, so that the endpoint can tell a repetition.
        """
        headers = {"Idempotency-Key": marker_key(alert.alert_id, alert.state, self.name)}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        post_json(self._url, alert.fields(), secrets=[self._token] if self._token else [], headers=headers)
