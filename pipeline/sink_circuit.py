"""The circuit of a table: after several failed requests in a row nothing is sent to it for a while.

Ours, and not the alerting function's, which is deployed alone: docs/adr/0015-two-outage-policies.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from pipeline.clock import steady_now_us


class CircuitSettings(NamedTuple):
    """When rows are given up instead of waiting for BigQuery."""

    retry_seconds: float = 1.0
    """Wait before a request is sent a second time; each further wait is twice as long."""
    retry_count: int = 3
    """How often a request is sent again."""
    max_failures: int = 5
    """Failed requests in a row that open the circuit."""
    open_seconds: float = 30.0
    """How long it stays open before one request is tried."""


class OutageNews(NamedTuple):
    """What is to be told of a circuit that has opened, or has opened again, or has closed."""

    table: str
    """`project.dataset.table`."""
    state: str
    """`open`, `ongoing` or `resolved`."""
    opened_at_us: int
    at_us: int
    period_us: int
    """How long the circuit stays open: of two outages of a table, the later opens at least so much later."""
    failures: int
    """Failed requests in a row, until now."""
    fault: str
    """What the last of them failed with."""


class Circuit:
    """Closed, it lets every request through; open, none; half-open, exactly one, whose end decides.

    Whoever is let in by `enter` ends with `answered`, `failed` or `undecided`, and the number that `enter`
    gave. Any number of threads may use it.
    """

    def __init__(
        self, table: str, settings: CircuitSettings, clock: Callable[[], int] = steady_now_us
    ) -> None:
        """`clock`: microseconds since 1970 that only grow."""
        self._table = table
        self._settings = settings
        self._clock = clock
        self._period_us = round(settings.open_seconds * 1_000_000)
        self._lock = threading.Lock()
        self._failures = 0
        self._fault = ""
        self._is_table_at_fault = False
        self._failed_at_us = 0
        self._opened_at_us: int | None = None  # since when the outage lasts
        self._half_open_at_us = 0
        self._is_probing = False
        self._era = 0  # grows with every change: a request that began in an earlier one decides nothing
        self._news: list[OutageNews] = []
        self._told_end: OutageNews | None = None

    @property
    def is_closed(self) -> bool:
        """Whether requests go through."""
        with self._lock:
            return self._opened_at_us is None

    @property
    def fault(self) -> str:
        """What the last failed request failed with."""
        with self._lock:
            return self._fault

    @property
    def gave_up_lately(self) -> bool:
        """Whether a request was given up within the last pause, and not for want of the table alone."""
        with self._lock:
            is_recent = self._clock() - self._failed_at_us < self._period_us
            return is_recent and not self._is_table_at_fault and self._failures > self._settings.retry_count

    def enter(self) -> int | None:
        """Ask to send a request: the number to end it with, or None if none may be sent."""
        with self._lock:
            if self._opened_at_us is not None:
                if self._is_probing or self._clock() < self._half_open_at_us:
                    return None
                self._is_probing = True
                self._era += 1
            return self._era

    def failed(self, era: int, fault: str, is_table_at_fault: bool = False) -> None:
        """BigQuery did not take the request, through no fault of its rows."""
        with self._lock:
            if era != self._era:
                return
            now_us = self._clock()
            self._failures += 1
            self._fault, self._is_table_at_fault, self._failed_at_us = fault, is_table_at_fault, now_us
            if not self._is_probing and self._failures < self._settings.max_failures:
                return
            state = "ongoing" if self._is_probing else "open"
            if self._opened_at_us is None:
                self._opened_at_us = now_us
            self._half_open_at_us = now_us + self._period_us
            self._is_probing = False
            self._era += 1
            self._news.append(self._tell(state, self._opened_at_us, now_us))

    def answered(self, era: int) -> None:
        """BigQuery has taken the request, or has refused it for the sake of its rows."""
        with self._lock:
            if era != self._era:
                return
            if self._opened_at_us is not None:
                self._told_end = self._tell("resolved", self._opened_at_us, self._clock())
                self._news.append(self._told_end)
                self._opened_at_us, self._is_probing = None, False
                self._era += 1
            self._failures = 0

    def undecided(self, era: int) -> None:
        """The request has ended in a way that says nothing about BigQuery."""
        with self._lock:
            if era == self._era:
                self._is_probing = False

    def take_news(self) -> list[OutageNews]:
        """What has not been told yet.

        The bundle that tells it may fail, and then nobody has heard it. An outage that lasts is told again
        with every request that is tried; the end of one is told a second time a while later.
        """
        with self._lock:
            news, self._news = self._news, []
            end = self._told_end
            if end is not None and self._clock() >= end.at_us + self._period_us:
                news.append(end)
                self._told_end = None
            return news

    def _tell(self, state: str, opened_at_us: int, now_us: int) -> OutageNews:
        return OutageNews(
            self._table, state, opened_at_us, now_us, self._period_us, self._failures, self._fault
        )


_CIRCUITS: dict[tuple[str, CircuitSettings], Circuit] = {}


def circuit_of(table: str, settings: CircuitSettings) -> Circuit:
    """This process's circuit of a table, `project.dataset.table`."""
    # setdefault, because several threads may ask first.
    return _CIRCUITS.setdefault((table, settings), Circuit(table, settings))


def is_dataset_away(table: str) -> bool:
    """Whether this process has just given up a request to another table of the dataset."""
    dataset = table.rpartition(".")[0]
    return any(
        circuit.gave_up_lately
        for (name, _), circuit in list(_CIRCUITS.items())
        if name != table and name.rpartition(".")[0] == dataset
    )
