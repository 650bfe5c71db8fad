"""The once-only ledger: one marker for each alert and channel, which says what became of each state.

The order is claim, deliver, settle. The marker is claimed before the channel is called, so that of two
instances with the same message one delivers. It is one marker for all states of the alert, so that they
take turns: whoever decides what to do with `resolved` knows whether `open` was told, and nobody tells
`open` at that moment. A channel that may take the alert later releases the claim for the next try. A claim
that is neither settled nor released after LEASE_SECONDS belonged to an instance that died, and may be taken
over. That instance may have died after the channel heard it: in this one case the channel hears the alert
again, because an alert told twice is better than one never told.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from typing import NamedTuple, Protocol
from urllib.parse import quote

LEASE_SECONDS = 90
"""How long a claim keeps others off: well above the longest delivery, with all of its tries and with the
requests to the store around it. A test adds them up."""

_MAX_READABLE_BYTES = 180  # of an alert_id in a file's name, which ends at 255 bytes

DELIVERED = "delivered"
REFUSED = "refused"
PASSED_OVER = "passed over"
"""The channel was not to be told of it."""

_CLAIM_FIELDS = frozenset({"claimed_state", "claimed_at", "claim_id"})


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


class Record(NamedTuple):
    """What a channel was told of an alert, as of one version of the marker."""

    alert_id: str
    channel: str
    marker: dict[str, str]
    version: int

    @property
    def is_busy(self) -> bool:
        """Whether an instance is delivering one of the states, and its lease has not ended."""
        return "claimed_at" in self.marker and not _is_over(self.marker["claimed_at"])

    def is_settled(self, state: str) -> bool:
        """Whether a state needs no further try."""
        return state in self.marker

    def was_told(self, state: str) -> bool:
        """Whether the channel was told of a state, or may have been by an instance that died."""
        return self.marker.get(state) == DELIVERED or self.marker.get("claimed_state") == state


class Claim(NamedTuple):
    """The right to deliver a state, until the lease ends."""

    key: str
    state: str
    marker: dict[str, str]
    version: int


def readable_key(alert_id: str, *parts: str) -> str:
    """Return a name that is readable, safe as a file's name, and different for different ones."""
    readable = quote(alert_id, safe="")
    if len(readable) > _MAX_READABLE_BYTES:
        readable = "sha256-" + hashlib.sha256(alert_id.encode()).hexdigest()
    return ".".join((readable, *parts))


class Ledger:
    """Who was told what. See the module for the order of things. Every method raises LedgerUnavailable."""

    def __init__(self, store: MarkerStore) -> None:
        self._store = store

    def read(self, alert_id: str, channel: str) -> Record:
        """Return what the channel was told of the alert."""
        found = self._store.get(readable_key(alert_id, channel))
        return Record(alert_id, channel, *(found or ({}, 0)))

    def claim(self, record: Record, state: str) -> Claim | None:
        """Claim the delivery of a state; None if the marker has changed since the record was read."""
        key = readable_key(record.alert_id, record.channel)
        claim_id = uuid.uuid4().hex
        marker = {
            **_identity(record),
            **_settled(record.marker),
            "claimed_state": state,
            "claimed_at": _now().isoformat(),
            "claim_id": claim_id,
        }
        version = self._store.put(key, marker, record.version)
        if version is None:
            # Lost to another instance, or our own write went through although its answer was lost.
            found = self._store.get(key)
            if found is None or found.marker.get("claim_id") != claim_id:
                return None
            version = found.version
        return Claim(key, state, marker, version)

    def settle(self, claim: Claim, end: str) -> bool:
        """Record the claim's end, DELIVERED or REFUSED; False if another instance took the claim over."""
        marker = {**_settled(claim.marker), **_end(claim.state, end)}
        if self._store.put(claim.key, marker, claim.version) is not None:
            return True
        found = self._store.get(claim.key)
        return found is not None and found.marker.get(claim.state) == end

    def release(self, claim: Claim) -> None:
        """Give the claim back, so that the next try need not wait for the lease."""
        marker = _settled(claim.marker)
        if marker.keys() > {"alert_id", "channel"}:
            self._store.put(claim.key, marker, claim.version)
        else:
            self._store.delete(claim.key, claim.version)

    def pass_over(self, record: Record, state: str) -> bool:
        """Record that a state came and was not told; False if the marker has changed since."""
        marker = {**_identity(record), **_settled(record.marker), **_end(state, PASSED_OVER)}
        key = readable_key(record.alert_id, record.channel)
        return self._store.put(key, marker, record.version) is not None


def _identity(record: Record) -> dict[str, str]:
    return {"alert_id": record.alert_id, "channel": record.channel}


def _end(state: str, end: str) -> dict[str, str]:
    return {state: end, f"{state}_at": _now().isoformat()}


def _settled(marker: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in marker.items() if name not in _CLAIM_FIELDS}


def _is_over(claimed_at: str) -> bool:
    age = _now() - datetime.fromisoformat(claimed_at)
    # A claim from the future is a clock that was set back: it must not keep the alert for ever.
    return abs(age.total_seconds()) > LEASE_SECONDS


def _now() -> datetime:
    return datetime.now(UTC)
