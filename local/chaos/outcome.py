"""What has become of the messages of a trial, compared with what had to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from local.chaos.expected import EventKey, Expected
from local.chaos.site import Site


class Outcome(NamedTuple):
    """The figures of one trial."""

    published: int
    lost: int
    """Events and dead letters missing: in the views, in the lake, on the DLQ topic; see `losses`."""
    duplicated_raw: int
    """Rows of the event tables and of dead_letters beyond the first of each event or letter."""
    duplicated: int
    """The same in the `_deduplicated` views."""
    letters_expected: int
    letters_seen: int
    """Of them, how many are in the table and on the topic, byte for byte."""
    unexpected: int
    """Rows and letters in the views that belong to nothing that was published."""
    losses: dict[str, int]
    acknowledged_and_lost: int
    """Events without a row though Pub/Sub has forgotten every message of theirs: nobody brings them again."""
    duplicated_in_lake: int
    ledger: dict[str, int]
    """What data_quality_metrics_latest says; after a crash it is not exact."""
    alerts_recorded: int
    alerts_untold: int
    """Alerts in the table that are not on the topic."""


NOTHING = Outcome(0, 0, 0, 0, 0, 0, 0, {}, 0, 0, {}, 0, 0)
"""Of a trial that was not played."""


def collect(
    site: Site, expected: Expected, lake: Counter[EventKey], acknowledged: Collection[str]
) -> Outcome:
    """Read tables, views, queue and lake, past all proxies, and compare.

    `acknowledged` are the ids of messages whose acknowledgement has reached Pub/Sub.
    """
    raw, view = _events(site, expected, ""), _events(site, expected, "_deduplicated")
    letters, letters_view = _letters(site, ""), _letters(site, "_deduplicated")
    on_topic = {
        message.attributes.get("message_id", ""): bytes(message.data)
        for message in site.messages_on(site.dlq_topic)
    }
    kept = {row["message_id"]: bytes(row["payload"] or b"") for row in letters_view}
    due = dict.fromkeys(expected.rejected) | {
        next((one for one in message_ids if one in kept), message_ids[0]): None
        for message_ids in expected.refused.values()
    }
    payloads = {message_id: expected.messages[message_id].payload for message_id in due}
    losses = {
        "rows": sum(event not in view for event in expected.events),
        "lake": sum(event not in lake for event in expected.events),
        "letters": sum(kept.get(message_id) != payload for message_id, payload in payloads.items()),
        "dlq_topic": sum(on_topic.get(message_id) != payload for message_id, payload in payloads.items()),
    }
    seen = sum(
        kept.get(message_id) == payload == on_topic.get(message_id)
        for message_id, payload in payloads.items()
    )
    recorded, untold = _alerts(site)
    return Outcome(
        published=len(expected.messages),
        lost=sum(losses.values()),
        duplicated_raw=_repeats(raw) + _repeats(Counter(row["dead_letter_id"] for row in letters)),
        duplicated=_repeats(view) + _repeats(Counter(row["dead_letter_id"] for row in letters_view)),
        letters_expected=len(payloads),
        letters_seen=seen,
        unexpected=sum(event not in expected.events for event in view)
        + sum(message_id not in payloads for message_id in kept),
        losses=losses,
        acknowledged_and_lost=acknowledged_and_lost(expected.events, view, acknowledged),
        duplicated_in_lake=_repeats(lake),
        ledger=_ledger(site),
        alerts_recorded=recorded,
        alerts_untold=untold,
    )


def acknowledged_and_lost(
    events: Mapping[EventKey, Sequence[str]], rows: Collection[EventKey], acknowledged: Collection[str]
) -> int:
    """Count the events without a row, each given with its messages, all of which are acknowledged."""
    return sum(
        event not in rows and all(message_id in acknowledged for message_id in message_ids)
        for event, message_ids in events.items()
    )


def _repeats(counts: Counter[Any]) -> int:
    return sum(counts.values()) - len(counts)


def _events(site: Site, expected: Expected, suffix: str) -> Counter[EventKey]:
    return Counter(
        (event_type, row["event_id"])
        for event_type, table in expected.table_of.items()
        for row in site.ask(f"SELECT event_id FROM {table}{suffix}")
    )


def _letters(site: Site, suffix: str) -> list[dict[str, Any]]:
    return site.ask(f"SELECT dead_letter_id, message_id, payload FROM dead_letters{suffix}")


def _ledger(site: Site) -> dict[str, int]:
    words = ("received", "accepted", "duplicates", "rejected")
    sums = ", ".join(f"SUM({word}) AS {word}" for word in words)
    (row,) = site.ask(f"SELECT {sums} FROM data_quality_metrics_latest")
    return {word: int(row[word] or 0) for word in words}


def _alerts(site: Site) -> tuple[int, int]:
    recorded = {
        (row["alert_id"], row["state"]) for row in site.ask("SELECT alert_id, state FROM alerts_deduplicated")
    }
    told = {
        (message.attributes.get("alert_id"), message.attributes.get("state"))
        for message in site.messages_on(site.alerts_topic)
    }
    return len(recorded), len(recorded - told)
