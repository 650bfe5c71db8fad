from __future__ import annotations

from collections import Counter

import orjson

from generator.ledger import Ledger
from pipeline.contract import Contract
from pipeline.elements import RawMessage
from pipeline.parse import Parser
from tests.generator.reading import Simulate


def rows_of(parser: Parser, messages: list[RawMessage]) -> list[dict[str, object]]:
    return [orjson.loads(parser.parse(message, 0).row) for message in messages]


def test_events_of_old_apps_land_as_what_new_apps_would_have_sent_of_what_they_knew(
    contract: Contract, simulate: Simulate
) -> None:
    parser = Parser(contract)
    shares = {"malformed_share": 0.0, "duplicate_share": 0.0, "event_types": ("user_activity",)}
    raw = [
        [RawMessage(each.payload, each.attributes, None, each.publish_us) for each in messages]
        for messages in (simulate(4_000, **shares), simulate(4_000, old_version_share=0.5, **shares))
    ]
    for now, then in zip(rows_of(parser, raw[0]), rows_of(parser, raw[1]), strict=True):
        version = then["schema_version"]
        known = {"product_id", "price"}
        if version == 2:
            known |= {"session_id", "category", "quantity", "user_segment"}
        if version in (1, 2):
            details = {name: value for name, value in now["metadata"].items() if name in known}  # type: ignore[attr-defined]
            now = {name: value for name, value in now.items() if name != "metadata"}
            now |= {"schema_version": version, **({"metadata": details} if details else {})}
        assert then == now


def test_shares_of_the_versions_are_counted_and_broken_messages_are_of_the_current_one(
    simulate: Simulate,
) -> None:
    ledger, seen = Ledger(), Counter[int | None]()
    messages = simulate(20_000, old_version_share=0.2, malformed_share=0.1, duplicate_share=0.02)
    for message in messages:
        ledger.count(message)
        if message.event_type == "user_activity" and message.fault is None and not message.is_duplicate:
            seen[message.earlier_version] += 1
    assert 0.18 < (seen[1] + seen[2]) / seen.total() < 0.22
    assert 0.8 < seen[1] / seen[2] < 1.25
    counted = {"user_activity 1": seen[1], "user_activity 2": seen[2]}
    assert ledger.as_dict()["valid_by_earlier_version"] == counted
    assert {
        each.earlier_version for each in messages if each.fault or each.event_type != "user_activity"
    } == {None}


def test_a_tenth_of_the_old_events_says_id_and_version_inside_the_json(simulate: Simulate) -> None:
    old = [each for each in simulate(5_000, old_version_share=1.0) if each.earlier_version is not None]
    inside = [each for each in old if each.attributes.keys() == {"event_type"}]
    assert 0.06 < len(inside) / len(old) < 0.14
    assert all(
        b'"schema_version":' in each.payload and b'"event_id":"evt-' in each.payload for each in inside
    )
