"""Every kind of bad message, through the whole pipeline, each between good neighbours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
import pytest
from google.pubsub_v1.types import PubsubMessage

from local.stack import Stack
from tests.contract.bad_input import nested
from tests.endtoend.events import TABLES, event, message
from tests.endtoend.pipeline_process import PipelineProcess
from tests.endtoend.plant import Plant

pytestmark = pytest.mark.slow

TYPED = {"event_type": "order", "event_id": "bad"}


class Bad(NamedTuple):
    """A bad message and what must become of it."""

    reason: str
    payload: bytes
    attributes: Mapping[str, str] = TYPED
    error_count: int = 1
    originals_on_topic: bool = True
    """Whether all its attributes are on the DLQ topic, too."""
    data_on_topic: bool = True
    """Whether its bytes are; else they lie where the attribute payload_uri says."""


def order(**changes: Any) -> bytes:
    return orjson.dumps(event("order", **changes))


def with_text(old: bytes, new: bytes) -> bytes:
    payload = order()
    assert payload.count(old) == 1
    return payload.replace(old, new)


BAD: dict[str, Bad] = {
    "not JSON": Bad("malformed_json", b"<html>502 Bad Gateway</html>"),
    "binary": Bad("not_utf8", bytes(range(256))),
    "empty data with attributes": Bad("empty_payload", b""),
    "null": Bad("not_an_object", b"null"),
    "not UTF-8": Bad("not_utf8", with_text("Köln".encode(), "Köln".encode("latin-1"))),
    "byte order mark": Bad("not_utf8", b"\xef\xbb\xbf" + order()),
    "9.8 MB of garbage": Bad("malformed_json", b"\x7f" * 9_800_000),
    "9.9 MB like an event": Bad("invalid_value", order(order_id="x" * 9_890_000)),
    "as large as Pub/Sub takes": Bad(
        "malformed_json", b"z" * 9_999_000, originals_on_topic=False, data_on_topic=False
    ),
    "just over what a row holds": Bad("malformed_json", b"y" * 1_000_001),
    "as much as a row holds": Bad("malformed_json", b"y" * 1_000_000),
    "2,000 levels deep": Bad("nesting_too_deep", nested(2_000)),
    "text for a number": Bad("wrong_type", order(total_amount="12.50")),
    "null for a required field": Bad("wrong_type", order(customer_id=None)),
    "three faults": Bad("missing_field", b'{"order_id": "", "items": []}', error_count=6),
    "unknown type": Bad("unknown_event_type", order(), {**TYPED, "event_type": "refund"}),
    "no attributes": Bad("unknown_event_type", order(), {}),
    "newer version": Bad("unsupported_schema_version", order(), {**TYPED, "schema_version": "99"}),
    "30 February": Bad("invalid_timestamp", order(order_date="2026-02-30T12:00:00Z")),
    "year 9999": Bad("event_time_in_future", order(order_date="9999-12-31T23:59:59Z")),
    "year 0000": Bad("invalid_timestamp", order(order_date="0000-01-01T00:00:00Z")),
    "duplicate key": Bad("duplicate_key", with_text(b'"status"', b'"status":"shipped","status"')),
    "lone surrogate": Bad("lone_surrogate", with_text(b'"O1"', b'"\\ud83d"')),
    "overflowing number": Bad("number_out_of_range", with_text(b"12.5", b"1e400")),
    "unexpected field": Bad("unexpected_field", order(coupon="SPRING")),
    "5,000 errors": Bad("missing_field", order(items=[{}] * 5_000), error_count=1_001),
    "error at a path of 20 kB": Bad("unexpected_field", order(**{"k" * 20_000: 1})),
    "100 attributes": Bad(
        "malformed_json", b"{", {f"key-{n:03}": "v" for n in range(100)}, originals_on_topic=False
    ),
    "values of 1,024 bytes": Bad("malformed_json", b"{", {f"key-{n}": "ö" * 512 for n in range(50)}),
    "key of 256 bytes": Bad("malformed_json", b"{", {"k" * 256: "v", **TYPED}, originals_on_topic=False),
    "attributes that are not ASCII": Bad("malformed_json", b"{", {"Größe": "groß 🛒", **TYPED}),
    "replayed": Bad("malformed_json", b"{", {**TYPED, "replay_count": "2"}),
}
GOOD_BUT_ODD = {
    "year 1": message("order", "odd-1", order_date="0001-01-01T00:00:00Z"),
    "before 1970": message("order", "odd-2", order_date="1969-12-31T23:59:59.999999Z"),
    "in 1700": message("inventory", "odd-3", timestamp="1700-01-01T00:00:00+14:00"),
    "largest double": message("order", "odd-4", total_amount=1.7976931348623157e308),
    "nothing but spaces in a text": message("user_activity", "odd-5", user_id=" "),
}


class Outcome(NamedTuple):
    """What the one run over all of BAD has left."""

    plant: Plant
    process: PipelineProcess
    published: dict[str, str]
    """kind of bad message -> message id."""
    good: dict[str, list[str]]
    """event type -> event ids of the good neighbours."""
    letters: dict[str, dict[str, Any]]
    """message id -> row of dead_letters."""
    on_topic: dict[str, PubsubMessage]
    """message id of the bad message -> message on the DLQ topic."""


@pytest.fixture(scope="module")
def outcome(stack: Stack) -> Outcome:
    plant = Plant(stack)
    published: dict[str, str] = {}
    good: dict[str, list[str]] = {event_type: [] for event_type in TABLES}
    for number, (kind, bad) in enumerate(BAD.items()):
        event_type = list(TABLES)[number % len(TABLES)]
        good[event_type].append(f"good-{number}")
        ids = plant.publish_all([message(event_type, f"good-{number}"), (bad.payload, bad.attributes)])
        published[kind] = ids[1]
    for payload, attributes in GOOD_BUT_ODD.values():
        plant.publish(payload, attributes)
        good[attributes["event_type"]].append(attributes["event_id"])
    process = plant.run()
    letters = {row["message_id"]: row for row in plant.warehouse.ask("SELECT * FROM dead_letters")}
    dlq = plant.pull_all(plant.dlq_subscription)
    on_topic = {found.attributes["message_id"]: found for found in dlq.values()}
    assert len(on_topic) == len(dlq), "a dead letter was published twice"
    return Outcome(plant, process, published, good, letters, on_topic)


def test_only_the_bad_messages_are_dead_letters(outcome: Outcome) -> None:
    assert sorted(outcome.letters) == sorted(outcome.published.values())
    assert outcome.plant.warehouse.count("dead_letters") == len(BAD)
    assert sorted(outcome.on_topic) == sorted(outcome.published.values())


@pytest.mark.parametrize("kind", BAD)
def test_bad_message_is_in_the_table_with_reason_and_original_bytes(kind: str, outcome: Outcome) -> None:
    bad, letter = BAD[kind], outcome.letters[outcome.published[kind]]
    assert (letter["stage"], letter["reason"]) == ("parse", bad.reason)
    assert letter["error_count"] == bad.error_count
    assert len(letter["errors"]) == bad.error_count
    assert {each["key"]: each["value"] for each in letter["attributes"]} == dict(bad.attributes)
    assert letter["payload_bytes"] == len(bad.payload)
    if len(bad.payload) > 1_000_000:
        assert letter["payload"] is None
        assert letter["payload_uri"].startswith(f"{outcome.plant.lake}/dead_letters/date=")
        assert outcome.plant.object(letter["payload_uri"]) == bad.payload
    else:
        assert letter["payload_uri"] is None
        assert (letter["payload"] or b"") == bad.payload


@pytest.mark.parametrize("kind", BAD)
def test_bad_message_is_on_the_topic_with_its_original_bytes(kind: str, outcome: Outcome) -> None:
    bad, found = BAD[kind], outcome.on_topic[outcome.published[kind]]
    attributes = dict(found.attributes)
    if bad.data_on_topic:
        assert found.data == bad.payload
    else:
        assert found.data == b""
        assert outcome.plant.object(attributes["payload_uri"]) == bad.payload
    assert (attributes["stage"], attributes["reason"]) == ("parse", bad.reason)
    assert attributes["error_count"] == str(bad.error_count)
    assert attributes["replay_count"] == bad.attributes.get("replay_count", "0")
    errors = json.loads(attributes["errors"])
    assert 1 <= len(errors) <= bad.error_count
    assert set(errors[0]) == {"path", "rule", "message"}
    originals = {f"original_{name}": value for name, value in bad.attributes.items()}
    assert ("attributes_truncated" in attributes) is not bad.originals_on_topic
    kept = {name: value for name, value in attributes.items() if name.startswith("original_")}
    assert kept.items() <= originals.items()
    assert (kept == originals) is bad.originals_on_topic


def test_attributes_on_the_topic_are_within_pubsubs_limits(outcome: Outcome) -> None:
    for found in outcome.on_topic.values():
        assert len(found.attributes) <= 100
        assert max(len(name.encode()) for name in found.attributes) <= 256
        assert max(len(value.encode()) for value in found.attributes.values()) <= 1_024


def test_message_with_100_attributes_keeps_as_many_as_fit(outcome: Outcome) -> None:
    assert len(outcome.on_topic[outcome.published["100 attributes"]].attributes) == 100


@pytest.mark.parametrize("event_type", TABLES)
def test_good_neighbours_are_in_their_table(event_type: str, outcome: Outcome) -> None:
    ids = outcome.plant.warehouse.column(f"SELECT event_id FROM {TABLES[event_type]}")
    assert sorted(ids) == sorted(outcome.good[event_type])


@pytest.mark.parametrize("event_type", TABLES)
def test_good_neighbours_are_in_the_lake(event_type: str, outcome: Outcome) -> None:
    ids = [row["event_id"] for row in outcome.plant.lake_rows(event_type)]
    assert sorted(ids) == sorted(outcome.good[event_type])


def test_ledger_adds_up(outcome: Outcome) -> None:
    good = sum(map(len, outcome.good.values()))
    assert outcome.plant.warehouse.ledger() == {
        "received": good + len(BAD),
        "accepted": good,
        "duplicates": 0,
        "rejected": len(BAD),
        "late": 3,
    }


def test_every_message_was_acknowledged(outcome: Outcome) -> None:
    stats = outcome.process.stats()
    good = sum(map(len, outcome.good.values()))
    assert (stats["messages_read"], stats["messages_finished"]) == (good + len(BAD), good + len(BAD))


def test_counters_say_how_many_were_refused_for_each_reason(outcome: Outcome) -> None:
    counters = outcome.process.stats()["counters"]
    reasons = Counter(f"dead_letters.{bad.reason}" for bad in BAD.values())
    assert {name: number for name, number in counters.items() if name.startswith("dead_letters.")} == reasons
    assert counters["lake.rows_written"] == sum(map(len, outcome.good.values()))


def test_letters_of_one_cause_have_one_fingerprint(outcome: Outcome) -> None:
    fingerprint = {kind: outcome.letters[id_]["fingerprint"] for kind, id_ in outcome.published.items()}
    assert fingerprint["not JSON"] == fingerprint["9.8 MB of garbage"]
    assert fingerprint["null for a required field"] != fingerprint["text for a number"]
