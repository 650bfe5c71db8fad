"""What a check is, and what it finds."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

CALL_SECONDS = 8.0
"""How long one request may take; less than a check has, so that it can still say what was wrong."""

EMULATORS = {
    "Pub/Sub": "PUBSUB_EMULATOR_HOST",
    "BigQuery": "BIGQUERY_EMULATOR_HOST",
    "Cloud Storage": "STORAGE_EMULATOR_HOST",
}
APIS = {
    "Pub/Sub": "pubsub.googleapis.com",
    "BigQuery": "bigquery.googleapis.com",
    "Cloud Storage": "storage.googleapis.com",
    "Dataflow": "dataflow.googleapis.com",
    "Resource Manager": "cloudresourcemanager.googleapis.com",
    "IAM": "iam.googleapis.com",
}


class State(StrEnum):
    """How it stands."""

    OK = "ok"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"


class Finding(NamedTuple):
    """One line of the report."""

    what: str
    """What was looked at."""
    state: State
    said: str = ""
    """A sentence: what is wrong, why it was not checked, or a remark on what is in order."""
    run: str = ""
    """The command that mends it."""


class Check(NamedTuple):
    """One question to a service. It may find several things, or raise what the service's client raises."""

    what: str
    service: str
    """A key of APIS, or "" for this machine."""
    project: str
    look: Callable[[], list[Finding]]
    create: str = ""
    """The command that creates what was asked for, if it is missing."""
    view: str = ""
    """The role that lets an account look."""
    of_account: bool = False
    """Whether it asks what this account may do, and not what is there."""

    @property
    def needs_credentials(self) -> bool:
        """Whether Google Cloud itself is asked."""
        return bool(self.service) and emulator_of(self.service) is None


def ok(what: str, said: str = "") -> Finding:
    """It is as it must be; `said` is a remark."""
    return Finding(what, State.OK, said)


def wrong(what: str, said: str, run: str) -> Finding:
    """The run would fail, or lose something."""
    return Finding(what, State.WRONG, said, run)


def not_checked(what: str, said: str, run: str = "") -> Finding:
    """Nobody can tell, for the reason `said`."""
    return Finding(what, State.NOT_CHECKED, said, run)


def emulator_of(service: str) -> str | None:
    """Return the address of the emulator that stands in for the service, or None."""
    return os.environ.get(EMULATORS.get(service, "")) or None
