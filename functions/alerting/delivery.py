"""Delivering one alert to every channel that wants it, once."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import NamedTuple

from alert import SEVERITIES, Alert
from channels import Channel, Refused, Unavailable
from delivered import DELIVERED, REFUSED, Claim, Ledger, LedgerUnavailable, Standing
from structured_log import log_line


class DeliveryFailed(Exception):
    """A channel may take the alert later. Raised so that the trigger delivers the message again."""


class Route(NamedTuple):
    """A channel, and the least severe alert it is told of."""

    channel: Channel
    min_severity: str


def deliver(alert: Alert, routes: Sequence[Route], ledger: Ledger) -> None:
    """Give every channel its chance; raises DeliveryFailed if one of them needs another."""
    waiting = [route.channel.name for route in routes if not _has_done_with(alert, route, ledger)]
    if waiting:
        raise DeliveryFailed(f"{', '.join(waiting)} did not take the alert yet; waiting for the next try")


def _has_done_with(alert: Alert, route: Route, ledger: Ledger) -> bool:
    """Whether the alert needs no further try on the channel."""
    channel = route.channel
    try:
        if not _is_wanted(alert, route, ledger):
            return True
        claim = ledger.claim(alert.alert_id, alert.state, channel.name)
    except LedgerUnavailable as fault:
        _log("ERROR", "The ledger does not answer, so nothing was sent", alert, channel, str(fault))
        return False
    if isinstance(claim, Standing):
        _log("INFO", "Nothing was sent", alert, channel, claim.value)
        return claim is Standing.SETTLED
    return _send(alert, channel, claim, ledger)


def _is_wanted(alert: Alert, route: Route, ledger: Ledger) -> bool:
    def was_told(state: str) -> bool:
        return ledger.was_delivered(alert.alert_id, state, route.channel.name)

    if alert.state == "resolved":
        # Who was told of the alert is told of its end, however mild that is.
        return _is_severe_enough(alert, route) or was_told("open") or was_told("ongoing")
    if route.channel.holds_incidents and was_told("resolved"):
        return False  # Pub/Sub keeps no order: this state is older, and nobody would resolve it again
    return _is_severe_enough(alert, route)


def _is_severe_enough(alert: Alert, route: Route) -> bool:
    return SEVERITIES.index(alert.severity) >= SEVERITIES.index(route.min_severity)


def _send(alert: Alert, channel: Channel, claim: Claim, ledger: Ledger) -> bool:
    try:
        channel.send(alert)
    except Unavailable as fault:
        _log("WARNING", "A channel did not take an alert; it is tried again", alert, channel, str(fault))
        _record(lambda: ledger.release(claim), alert, channel)
        return False
    except Refused as fault:
        _log("ERROR", "A channel refused an alert for good", alert, channel, str(fault))
        _record(lambda: ledger.settle(claim, REFUSED), alert, channel)
        return True
    except Exception as bug:  # must not keep the alert from the other channels; `deliver` raises for it
        # Only where it happened: the text of a fault we did not write may show a secret.
        places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(bug.__traceback__)]
        _log("CRITICAL", "A channel has a bug", alert, channel, f"{type(bug).__name__} at {places}")
        _record(lambda: ledger.release(claim), alert, channel)
        return False
    _record(lambda: ledger.settle(claim, DELIVERED), alert, channel)
    return True


def _record(change: Callable[[], bool | None], alert: Alert, channel: Channel) -> None:
    """Write what became of the claim. If that fails its lease runs out, which is no reason to raise."""
    try:
        if change() is False:
            _log("WARNING", "Another instance took the claim over", alert, channel, "it may send it again")
    except LedgerUnavailable as fault:
        _log(
            "ERROR",
            "The ledger does not answer, so the claim stays until its lease ends",
            alert,
            channel,
            str(fault),
        )


def _log(severity: str, message: str, alert: Alert, channel: Channel, detail: str) -> None:
    log_line(
        severity, message, channel=channel.name, alert_id=alert.alert_id, state=alert.state, detail=detail
    )
