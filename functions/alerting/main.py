"""The Cloud Function that tells people of alerts.

Pub/Sub delivers a message at least once, and the trigger repeats it, for about eight hours, while this
function raises. So a fault that never passes is logged and acknowledged, and one that may pass is raised.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

import functions_framework

from alert import BadAlert, check, decode, unknown_fields
from delivered import Ledger
from delivery import deliver
from settings import SettingsError, read_settings
from structured_log import log_line

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent

_MAX_LOGGED_CHARS = 2_000

# Its debug lines show the paths of the webhooks, which are secrets.
logging.getLogger("urllib3").setLevel(logging.WARNING)

try:
    _settings = read_settings(os.environ)
except SettingsError as error:
    log_line("CRITICAL", str(error))
    sys.exit(2)

_ledger = Ledger(_settings.store)


@functions_framework.cloud_event
def deliver_alert(cloud_event: CloudEvent) -> None:
    """Tell every configured channel of the alert in a Pub/Sub message.

    Raises DeliveryFailed if a channel may take it later; the trigger then delivers the message again.
    """
    try:
        content = decode(cloud_event.data)
        alert = check(content)
    except BadAlert as fault:
        log_line(
            "ERROR",
            f"A message on the alerts topic is no alert, and is dropped: {fault}",
            event_id=cloud_event["id"],
            event_data=_shown(cloud_event.data),
        )
        return
    if unknown := unknown_fields(content):
        log_line(
            "WARNING", f"Fields of an alert are unknown here: {', '.join(unknown)}", alert_id=alert.alert_id
        )
    deliver(alert, _settings.routes, _ledger)


def _shown(event_data: object) -> str:
    try:
        return repr(event_data)[:_MAX_LOGGED_CHARS]
    except RecursionError:
        return "data that nests too deeply to be shown"
