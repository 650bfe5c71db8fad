"""Which dead letters are meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from google.cloud import bigquery

from pipeline.replay.letters import Letter
from pipeline.rfc3339 import format_rfc3339

UNKNOWN = "unknown"
"""The event type of letters that do not say one, as in the ledger."""


class Filters(NamedTuple):
    """What a letter must be; an empty set demands nothing."""

    reasons: frozenset[str] = frozenset()
    event_types: frozenset[str] = frozenset()
    fingerprints: frozenset[str] = frozenset()
    since_us: int | None = None
    """Refused then or later."""

    def match(self, letter: Letter) -> bool:
        """Return whether the letter is meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.event_types or (letter.event_type or UNKNOWN) in self.event_types)
            and (not self.fingerprints or letter.fingerprint in self.fingerprints)
            and (self.since_us is None or letter.failed_at_us >= self.since_us)
        )

    def sql(self) -> tuple[str, list[Any]]:
        """Return the same as a condition on rows of `dead_letters`, with its query parameters."""
        columns: Mapping[str, frozenset[str]] = {
            "reason": self.reasons,
            f"IFNULL(event_type, '{UNKNOWN}')": self.event_types,
            "fingerprint": self.fingerprints,
        }
        conditions: list[str] = ["TRUE"]
        parameters: list[Any] = []
        for number, (column, values) in enumerate(columns.items()):
            if values:
                conditions.append(f"{column} IN UNNEST(@filter{number})")
                parameters.append(bigquery.ArrayQueryParameter(f"filter{number}", "STRING", sorted(values)))
        if self.since_us is not None:
            conditions.append("failed_at >= @since")
            since = format_rfc3339(self.since_us)
            parameters.append(bigquery.ScalarQueryParameter("since", "TIMESTAMP", since))
        return " AND ".join(conditions), parameters
