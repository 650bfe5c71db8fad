"""Delivering one alert to every channel that wants it, once."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from alert import Alert
from channels import NotCalled, Refused, Unavailable
from delivered import DELIVERED, REFUSED, Claim, Ledger, LedgerUnavailable
from escalation import Route, why_not_told
from persistent_channel import PersistentChannel
from structured_log import log_line


class DeliveryFailed(Exception):
    """A channel may take the alert later. Raised so that the trigger delivers the message again."""


class Outcome(NamedTuple):
    """What became of the alert on one channel."""

    is_done: bool
    """Whether the alert needs no further try there."""
    text: str


_BUSY = Outcome(False, "another instance is delivering it")


def deliver(alert: Alert, routes: Sequence[Route], ledger: Ledger) -> None:
    """Give every channel its chance, all at once; raises DeliveryFailed if one of them needs another."""
    log_line(
        "INFO",
        "An alert came",
        **_identity(alert),
        kind=alert.kind,
        alert_severity=alert.severity,
        breaches=alert.breaches,
        summary=alert.summary,
    )
    # In threads, so that a channel that is tried for half a minute does not keep the others from theirs.
    with ThreadPoolExecutor(len(routes)) as threads:
        outcomes = list(threads.map(lambda route: _deliver_to(alert, route, ledger), routes))
    told = {route.channel.name: outcome.text for route, outcome in zip(routes, outcomes, strict=True)}
    log_line("INFO", "What became of the alert", **_identity(alert), channels=told)
    waiting = [
        route.channel.name for route, outcome in zip(routes, outcomes, strict=True) if not outcome.is_done
    ]
    if waiting:
        raise DeliveryFailed(f"{', '.join(waiting)} did not take the alert yet; waiting for the next try")


def _deliver_to(alert: Alert, route: Route, ledger: Ledger) -> Outcome:
    channel = route.channel
    try:
        record = ledger.read(alert.alert_id, channel.name)
        if record.is_settled(alert.state):
            return Outcome(True, f"settled before: {record.marker[alert.state]}")
        if record.is_busy:
            return _BUSY
        if (reason := why_not_told(alert, route, record)) is not None:
            # An incident must not open once its end has passed by, told or not.
            must_keep = alert.state == "resolved" and channel.holds_incidents
            is_kept = not must_keep or ledger.pass_over(record, alert.state)
            return Outcome(True, reason) if is_kept else _BUSY
        channel.check()
        claim = ledger.claim(record, alert.state)
    except LedgerUnavailable as fault:
        _log("ERROR", "The ledger does not answer, so nothing was sent", alert, channel, str(fault))
        return Outcome(False, "the ledger does not answer")
    except NotCalled as fault:
        return Outcome(False, str(fault))
    return _send(alert, channel, claim, ledger) if claim else _BUSY


def _send(alert: Alert, channel: PersistentChannel, claim: Claim, ledger: Ledger) -> Outcome:
    try:
        channel.send(alert)
    except NotCalled as fault:  # the breaker or the pause has told of itself
        _record(lambda: ledger.release(claim), alert, channel)
        return Outcome(False, str(fault))
    except Unavailable as fault:
        _log("WARNING", "A channel did not take an alert; the trigger repeats it", alert, channel, str(fault))
        _record(lambda: ledger.release(claim), alert, channel)
        return Outcome(False, str(fault))
    except Refused as fault:
        _log("ERROR", "A channel refused an alert for good", alert, channel, str(fault))
        _record(lambda: ledger.settle(claim, REFUSED), alert, channel)
        return Outcome(True, REFUSED)
    except Exception as bug:  # must not keep the alert from the other channels; `deliver` raises for it
        # Only where it happened: the text of a fault we did not write may show a secret.
        places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(bug.__traceback__)]
        _log("CRITICAL", "A channel has a bug", alert, channel, f"{type(bug).__name__} at {places}")
        _record(lambda: ledger.release(claim), alert, channel)
        return Outcome(False, "the channel has a bug")
    _record(lambda: ledger.settle(claim, DELIVERED), alert, channel)
    return Outcome(True, DELIVERED)


def _record(change: Callable[[], bool | None], alert: Alert, channel: PersistentChannel) -> None:
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


def _identity(alert: Alert) -> dict[str, str]:
    return {"alert_id": alert.alert_id, "state": alert.state}


def _log(severity: str, message: str, alert: Alert, channel: PersistentChannel, detail: str) -> None:
    log_line(severity, message, channel=channel.name, **_identity(alert), detail=detail)
