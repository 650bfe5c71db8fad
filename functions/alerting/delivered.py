"""The once-only ledger: one marker for each alert_id, state and channel.

The order is claim, deliver, settle. The marker is claimed before the channel is called, so that of two
instances with the same message one delivers. A channel that may take the alert later releases the marker
for the next try. A claim that is neither settled nor released after LEASE_SECONDS belonged to an instance
that died, and may be taken over. That instance may have died after the channel heard it: in this one case
the channel hears the alert again, because an alert told twice is better than one never told.
"""

from __future__ import annotations

import enum
import hashlib
import uuid
from datetime import UTC, datetime
from typing import NamedTuple, Protocol
from urllib.parse import quote

LEASE_SECONDS = 60
"""How long a claim keeps others off: well above the longest delivery (connect 3 s, answer 10 s)."""

_MAX_READABLE_BYTES = 180  # of an alert_id in a file's name, which ends at 255 bytes

CLAIMED = "claimed"
DELIVERED = "delivered"
REFUSED = "refused"


class LedgerUnavailable(Exception):
    """The store of the markers does not answer."""


class Stored(NamedTuple):
    """A marker as it lies in a store."""

    marker: dict[str, str]
    version: int
    """Different for every write of the marker, never 0."""


class MarkerStore(Protocol):
    """Keeps markers by key. Every method raises LedgerUnavailable."""

    def get(self, key: str) -> Stored | None:
        """Return the marker, None if there is none."""

    def put(self, key: str, marker: dict[str, str], version: int) -> int | None:
        """Write if `version` is still the stored one (0: if there is none); return the new version."""

    def delete(self, key: str, version: int) -> None:
        """Delete if `version` is still the stored one."""


class Claim(NamedTuple):
    """The right to deliver, until the lease ends."""

    key: str
    marker: dict[str, str]
    version: int


class Standing(enum.Enum):
    """Why there is nothing to claim."""

    SETTLED = "the channel has it, or has refused it for good"
    BUSY = "another instance is delivering it"


def marker_key(alert_id: str, state: str, channel: str) -> str:
    """Return the marker's name: readable, safe as a file's name, different for different markers."""
    readable = quote(alert_id, safe="")
    if len(readable) > _MAX_READABLE_BYTES:
        readable = "sha256-" + hashlib.sha256(alert_id.encode()).hexdigest()
    return f"{readable}.{state}.{channel}"


class Ledger:
    """Who was told what. See the module for the order of things."""

    def __init__(self, store: MarkerStore) -> None:
        self._store = store

    def claim(self, alert_id: str, state: str, channel: str) -> Claim | Standing:
        """Claim the delivery of an alert's state to a channel. Raises LedgerUnavailable."""
        key = marker_key(alert_id, state, channel)
        marker = {
            "alert_id": alert_id,
            "state": state,
            "channel": channel,
            "status": CLAIMED,
            "claim_id": uuid.uuid4().hex,
            "claimed_at": _now().isoformat(),
        }
        found = self._store.get(key)
        if found is not None and not _may_be_taken_over(found.marker):
            return _standing(found.marker)
        version = self._store.put(key, marker, found.version if found else 0)
        if version is not None:
            return Claim(key, marker, version)
        # Lost to another instance, or our own write went through although its answer was lost.
        found = self._store.get(key)
        if found is not None and found.marker["claim_id"] == marker["claim_id"]:
            return Claim(key, marker, found.version)
        return _standing(found.marker) if found else Standing.BUSY

    def settle(self, claim: Claim, status: str) -> bool:
        """Record the claim's end, DELIVERED or REFUSED; False if another instance took the claim over.

        Raises LedgerUnavailable.
        """
        marker = {**claim.marker, "status": status, "settled_at": _now().isoformat()}
        if self._store.put(claim.key, marker, claim.version) is not None:
            return True
        found = self._store.get(claim.key)
        return found is not None and found.marker["claim_id"] == claim.marker["claim_id"]

    def release(self, claim: Claim) -> None:
        """Give the claim back, so that the next try need not wait for the lease. Raises LedgerUnavailable."""
        self._store.delete(claim.key, claim.version)

    def was_delivered(self, alert_id: str, state: str, channel: str) -> bool:
        """Whether the channel was told. Raises LedgerUnavailable."""
        found = self._store.get(marker_key(alert_id, state, channel))
        return found is not None and found.marker["status"] == DELIVERED


def _may_be_taken_over(marker: dict[str, str]) -> bool:
    if marker["status"] != CLAIMED:
        return False
    age = _now() - datetime.fromisoformat(marker["claimed_at"])
    # A claim from the future is a clock that was set back: it must not keep the alert for ever.
    return abs(age.total_seconds()) > LEASE_SECONDS


def _standing(marker: dict[str, str]) -> Standing:
    return Standing.BUSY if marker["status"] == CLAIMED else Standing.SETTLED


def _now() -> datetime:
    return datetime.now(UTC)
