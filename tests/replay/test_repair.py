"""What rules make of messages: examples, and promises for any message."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ContractFileError
from pipeline.replay.repair import Repaired, RepairFailed, repair
from pipeline.replay.rules import Rule, read_rules
from tests.replay.test_pointer import JSON

LABELS: dict[str, str | None] = {"reason": "wrong_type", "event_type": "order", "fingerprint": "f" * 16}
ALWAYS = {"path": "", "exists": True}


def rules(*pairs: tuple[Any, Any]) -> tuple[Rule, ...]:
    return read_rules({"rules": [{"when": when, "do": do} for when, do in pairs]})


def repaired(payload: bytes, *pairs: tuple[Any, Any], attributes: dict[str, str] | None = None) -> Repaired:
    return repair(payload, attributes or {}, LABELS, rules(*pairs))


@pytest.mark.parametrize(
    ("payload", "step", "result"),
    [
        (b'{"a":1}', {"set": "/b", "value": {"c": []}}, b'{"a":1,"b":{"c":[]}}'),
        (b'{"a":1}', {"set": "/a", "value": None}, b'{"a":null}'),
        (b'{"a":[1,2]}', {"set": "/a/1", "value": 3}, b'{"a":[1,3]}'),
        (b'{"a":[1,2]}', {"set": "/a/-", "value": 3}, b'{"a":[1,2,3]}'),
        (b'{"a":1,"b":2}', {"rename": "/a", "to": "/c"}, b'{"b":2,"c":1}'),
        (b'{"a":1,"b":{}}', {"rename": "/a", "to": "/b/c"}, b'{"b":{"c":1}}'),
        (b'{"a":"1.50"}', {"cast": "/a", "as": "number"}, b'{"a":1.5}'),
        (b'{"a":["1","2"]}', {"cast": "/a/0", "as": "integer"}, b'{"a":[1,"2"]}'),
        (b'{"a":1,"b":2}', {"drop": "/a"}, b'{"b":2}'),
        (b'{"a~b":1,"c/d":2}', [{"drop": "/a~0b"}, {"drop": "/c~1d"}], b"{}"),
    ],
)
def test_step_changes_the_payload(payload: bytes, step: Any, result: bytes) -> None:
    assert repaired(payload, (ALWAYS, step)) == Repaired(result, {}, True)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"path": "/a", "exists": True}, True),
        ({"path": "/b", "exists": True}, False),
        ({"path": "/b", "exists": False}, True),
        ({"path": "/a", "equals": 1}, True),
        ({"path": "/a", "equals": 1.0}, False),
        ({"path": "/a", "equals": True}, False),
        ({"path": "/o", "equals": {"y": 2, "x": 1}}, True),
        ({"path": "/b", "equals": None}, False),
        ({"path": "/a", "type": "integer"}, True),
        ({"path": "/a", "type": "number"}, True),
        ({"path": "/a", "type": "boolean"}, False),
        ({"path": "/n", "type": "null"}, True),
        ({"path": "/t", "type": "boolean"}, True),
        ({"path": "/t", "type": "integer"}, False),
        ({"path": "", "type": "object"}, True),
        ({"path": "/l", "type": "array"}, True),
        ({"path": "/l/0", "type": "string"}, True),
        ({"reason": "wrong_type"}, True),
        ({"reason": ["missing_field", "wrong_type"]}, True),
        ({"reason": "missing_field"}, False),
        ({"event_type": "inventory"}, False),
        ({"fingerprint": "f" * 16}, True),
        ({"in": "attributes", "path": "/k", "equals": "v"}, True),
        ({"in": "attributes", "path": "/a", "exists": True}, False),
    ],
)
def test_rule_is_guarded_by_its_condition(condition: Any, holds: bool) -> None:
    payload = b'{"a":1,"o":{"x":1,"y":2},"n":null,"t":true,"l":["s"]}'
    assert repaired(payload, (condition, {"drop": "/a"}), attributes={"k": "v"}).changed is holds


def test_all_conditions_must_hold() -> None:
    both = [{"path": "/a", "exists": True}, {"path": "/b", "exists": True}]
    assert not repaired(b'{"a":1}', (both, {"drop": "/a"})).changed
    assert repaired(b'{"a":1,"b":2}', (both, {"drop": "/a"})).payload == b'{"b":2}'


def test_a_rule_sees_what_those_before_it_have_left() -> None:
    rename = ({"path": "/a", "exists": True}, {"rename": "/a", "to": "/b"})
    cast = ({"path": "/b", "type": "string"}, {"cast": "/b", "as": "integer"})
    assert repaired(b'{"a":"1"}', rename, cast).payload == b'{"b":1}'
    assert repaired(b'{"a":"1"}', cast, rename).payload == b'{"b":"1"}'


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"drop": "/b"}, "rules[1]: /b is not there"),
        ({"rename": "/b", "to": "/c"}, "rules[1]: /b is not there"),
        ({"rename": "/a", "to": "/l"}, "rules[1]: /l is there already"),
        ({"set": "/b/c", "value": 1}, "rules[1]: /b is not there"),
        ({"set": "/l/1", "value": 1}, "rules[1]: /l/1 is not there"),
        ({"cast": "/a", "as": "integer"}, "rules[1]: /a: a string of 1 character is no integer"),
    ],
)
def test_step_that_cannot_be_done_fails_the_whole_repair(step: Any, said: str) -> None:
    with pytest.raises(RepairFailed) as raised:
        repaired(b'{"a":"x","l":[0]}', (ALWAYS, {"set": "/new", "value": 1}), (ALWAYS, step))
    assert str(raised.value) == said


def test_attributes_are_repaired_whatever_the_payload_is() -> None:
    wrong = {"in": "attributes", "path": "/event_type", "equals": "orders"}
    steps = [
        {"in": "attributes", "set": "/event_type", "value": "order"},
        {"in": "attributes", "rename": "/id", "to": "/event_id"},
        {"in": "attributes", "drop": "/debug"},
    ]
    attributes = {"event_type": "orders", "id": "e1", "debug": "", "kept": "~"}
    assert repaired(b"\xff", (wrong, steps), attributes=attributes) == Repaired(
        b"\xff", {"event_type": "order", "event_id": "e1", "kept": "~"}, True
    )


@pytest.mark.parametrize(
    "payload", [b"\xff", b"", b"{", b"[]", b'{"a":1,"a":2}', b'{"a":123456789012345678901}']
)
def test_payload_that_cannot_be_written_anew_is_not_touched(payload: bytes) -> None:
    assert repaired(payload, (ALWAYS, {"set": "/b", "value": 1})) == Repaired(payload, {}, False)
    with pytest.raises(RepairFailed, match="no JSON object that could be written anew"):
        repaired(payload, ({"reason": "wrong_type"}, {"set": "/b", "value": 1}))


@pytest.mark.parametrize("holder", [b'"text"', b"5", b"null", b"true"])
@pytest.mark.parametrize("step", [{"drop": "/a/b"}, {"rename": "/a/b", "to": "/c"}])
def test_what_is_not_in_a_value_cannot_be_taken_out_of_it(holder: bytes, step: Any) -> None:
    with pytest.raises(RepairFailed, match="/a/b is not there"):
        repaired(b'{"a":' + holder + b"}", (ALWAYS, step))


def test_a_repair_that_changes_nothing_keeps_the_bytes() -> None:
    payload = b'{ "a": 1.50, "b": "\\u0041" }'
    assert repaired(payload, (ALWAYS, {"set": "/a", "value": 1.5})) == Repaired(payload, {}, False)


def test_a_value_that_was_set_belongs_to_one_letter_alone() -> None:
    both = rules((ALWAYS, [{"set": "/l", "value": []}, {"set": "/l/-", "value": 1}]))
    assert [repair(b"{}", {}, LABELS, both).payload for _ in range(2)] == [b'{"l":[1]}'] * 2


POINTERS = st.sampled_from(["", "/a", "/b", "/a/0", "/a/-", "/a/b", "/~0", "a"])
CONDITIONS = st.one_of(
    st.fixed_dictionaries({"path": POINTERS, "exists": st.booleans()}),
    st.fixed_dictionaries({"path": POINTERS, "equals": JSON}),
    st.fixed_dictionaries({"path": POINTERS, "type": st.sampled_from(["object", "array", "string", "null"])}),
    st.fixed_dictionaries({"reason": st.sampled_from(["wrong_type", "other"])}),
)
DOINGS = st.one_of(
    st.fixed_dictionaries({"set": POINTERS, "value": JSON}),
    st.fixed_dictionaries({"rename": POINTERS, "to": POINTERS}),
    st.fixed_dictionaries(
        {"cast": POINTERS, "as": st.sampled_from(["string", "integer", "number", "boolean"])}
    ),
    st.fixed_dictionaries({"drop": POINTERS}),
)
PAYLOADS = st.binary(max_size=20) | st.builds(
    orjson.dumps, st.dictionaries(st.sampled_from(["a", "b", "~"]), JSON, max_size=3) | JSON
)


@given(
    PAYLOADS,
    st.lists(st.tuples(CONDITIONS, st.lists(DOINGS, min_size=1, max_size=3)), min_size=1, max_size=3),
)
def test_rules_on_any_message_change_it_well_or_fail_by_name(payload: bytes, pairs: list[Any]) -> None:
    try:
        result = repaired(payload, *pairs)
    except (ContractFileError, RepairFailed):
        return
    assert result.changed == (result.payload != payload)
    if result.changed:
        assert isinstance(orjson.loads(result.payload), dict)


@given(PAYLOADS, st.lists(DOINGS, min_size=1, max_size=3))
def test_a_rule_whose_guard_is_false_changes_no_byte(payload: bytes, steps: list[Any]) -> None:
    try:
        result = repaired(payload, ([{"reason": "other"}, ALWAYS], steps), attributes={"k": "v"})
    except ContractFileError:
        return
    assert result == Repaired(payload, {"k": "v"}, False)


@given(JSON)
def test_any_json_as_rules_is_read_or_refused_by_name(content: Any) -> None:
    with pytest.raises(ContractFileError):
        read_rules(content)
    for rule in ({"when": content, "do": {"drop": "/a"}}, {"when": ALWAYS, "do": content}):
        with pytest.raises(ContractFileError):
            read_rules({"rules": [rule]})
