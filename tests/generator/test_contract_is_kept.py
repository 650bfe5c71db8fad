from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.faults import ALL_FAULTS, Fault, applicable_faults
from generator.incidents import parse_incident
from generator.letter import Letter
from generator.messages import Message
from generator.simulation import Plan, Simulation
from pipeline.contract import Contract, load_contract
from pipeline.elements import Event, RawMessage
from pipeline.errors import Rejected
from pipeline.parse import Parser
from tests.generator.reading import START_US, Simulate

CASES = [
    (event_type, fault)
    for event_type in load_contract().event_types
    for fault in applicable_faults(load_contract().table_of(event_type))
]


def verdict(parser: Parser, message: Message) -> Event | str:
    """Return the parsed event, or the reason it was rejected for."""
    raw = RawMessage(message.payload, message.attributes, "1", message.publish_us)
    try:
        return parser.parse(raw, message.publish_us)
    except Rejected as rejected:
        return rejected.reason


@pytest.mark.parametrize("seed", [1, 2, 3, 2026])
def test_pipeline_accepts_every_intact_message_and_rejects_every_broken_one_for_its_reason(
    seed: int, contract: Contract, simulate: Simulate
) -> None:
    parser = Parser(contract)
    faults: Counter[str] = Counter()
    for message in simulate(
        12_000,
        seed=seed,
        malformed_share=0.3,
        duplicate_share=0.05,
        late_share=0.05,
        rate=2_000,
        old_version_share=0.3,
    ):
        seen = verdict(parser, message)
        if message.fault is not None:
            assert seen == message.fault.reason, message
            faults[message.fault.name] += 1
        else:
            assert isinstance(seen, Event), (seen, message)
            assert seen.event_type == message.event_type
            assert message.is_duplicate or seen.is_late == message.is_late
    assert set(faults) == set(ALL_FAULTS)


@pytest.mark.parametrize(("event_type", "fault"), CASES, ids=lambda case: getattr(case, "name", case))
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), is_inside=st.booleans())
def test_a_fault_is_always_rejected_for_its_reason(
    event_type: str, fault: Fault, seed: int, is_inside: bool
) -> None:
    contract = load_contract()
    table = contract.table_of(event_type)
    letter = Letter(
        table=table,
        fields=dict(EXAMPLES[event_type]),
        event_type=event_type,
        event_id="evt-1",
        schema_version=table.schema_version or 1,
        is_inside=is_inside,
        publish_us=START_US,
    )
    payload = fault.break_letter(letter, Random(seed))
    message = Message(payload, letter.attributes(), START_US, event_type, fault, False, False)
    assert verdict(PARSER, message) == fault.reason


def test_a_bad_release_breaks_every_event_in_the_same_way(contract: Contract, simulate: Simulate) -> None:
    parser = Parser(contract)
    messages = simulate(4_000, incidents=(parse_incident("bad_deploy@0s+1h x1"),))
    orders = [message for message in messages if message.event_type == "order"]
    broken = Counter((message.fault.name if message.fault else None) for message in orders)
    assert len(broken) == 1
    assert None not in broken
    assert {verdict(parser, message) for message in orders} <= {
        orders[0].fault.reason if orders[0].fault else ""
    }
    assert all(message.fault is None for message in messages if message.event_type != "order")


def test_a_tenth_of_the_messages_says_what_it_is_inside_the_json(simulate: Simulate) -> None:
    messages = simulate(5_000)
    inside = [message for message in messages if not message.attributes]
    assert 0.08 < len(inside) / len(messages) < 0.12
    assert all(b'"event_id":"evt-' in message.payload for message in inside)
    assert all(b'"event_id"' not in message.payload for message in messages if message.attributes)


def _examples() -> dict[str, dict[str, object]]:
    """Return an event of each type as the shop sends it, its time included."""
    examples: dict[str, dict[str, object]] = {}
    for message in islice(Simulation(Plan(start_us=START_US), load_contract()).messages(), 500):
        if message.attributes:
            examples.setdefault(message.event_type, orjson.loads(message.payload))
    return examples


PARSER = Parser(load_contract())
EXAMPLES = _examples()
