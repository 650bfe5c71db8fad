"""Whatever event is made up, the parser and the oracle say the same of it, error for error."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.contract import Column
from pipeline.errors import Rejected
from pipeline.json_text import canonical_json, has_no_equal_keys
from pipeline.projections import json_schema, may_be_absent
from pipeline.validation import TableValidator
from tests.contract.messages import CONTRACT, PARSER, PROCESSED_US, message
from tests.contract.oracle import places_and_rules

_SCHEMAS = {event_type: json_schema(CONTRACT.table_of(event_type)) for event_type in CONTRACT.event_types}
_VALIDATORS = {
    event_type: TableValidator(CONTRACT.table_of(event_type)) for event_type in CONTRACT.event_types
}

_int64 = st.integers(-(2**63), 2**63 - 1)
_doubles = st.floats(allow_nan=False, allow_infinity=False)
_text = st.text(st.characters(codec="utf-8"), max_size=12)
_times = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | st.sampled_from(
    ["2024-05-01t12:00:00.5z", "2024-02-29T23:59:59.1234567-23:59", "0001-01-01T00:00:00Z"]
)
_odd: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        1.0,
        2e0,
        -1,
        0,
        "5",
        "",
        "de\n",
        "DE\n",
        [],
        {},
        [None],
        "x" * 129,
        "2024-01-01 00:00:00Z",
        "2016-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "9999-12-31T23:59:59-00:01",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:00+24:00",
        "2024-W18-3T00:00:00.000Z",
        "2024-01-01T00:00:00.000",
    ]
).map(copy.deepcopy)  # a mutation may add to the arrays and objects among them
_json = (
    _odd | _text | _int64 | _doubles | st.lists(_odd, max_size=2) | st.dictionaries(_text, _odd, max_size=2)
)


def _values(column: Column) -> st.SearchStrategy[Any]:
    one = _one_value(column)
    if column.mode == "REPEATED":
        return st.lists(one, min_size=column.check.get("minItems", 0), max_size=3)
    return one | st.none() if column.mode == "NULLABLE" else one


def _one_value(column: Column) -> st.SearchStrategy[Any]:
    check = column.check
    if "enum" in check:
        return st.sampled_from(check["enum"])
    if "pattern" in check:
        return st.from_regex(check["pattern"], fullmatch=True)
    if column.type == "RECORD":
        return _objects(column.fields)
    if column.type == "TIMESTAMP":
        return _times
    if column.type == "INTEGER":
        return st.integers(check.get("minimum", -(2**63)), 2**63 - 1).filter(lambda number: number != 0)
    if column.type == "FLOAT":
        least = check.get("minimum", -1e308)
        return st.floats(least, 1e308) | st.integers(int(max(least, -(2**63))), 2**63 - 1)
    return st.text(
        st.characters(codec="utf-8"), min_size=check.get("minLength", 0), max_size=check.get("maxLength", 20)
    )


def _objects(columns: tuple[Column, ...]) -> st.SearchStrategy[dict[str, Any]]:
    sent = [column for column in columns if column.set_by is None]
    return st.fixed_dictionaries(
        {column.name: _values(column) for column in sent if not may_be_absent(column)},
        optional={column.name: _values(column) for column in sent if may_be_absent(column)},
    )


_valid = st.sampled_from(CONTRACT.event_types).flatmap(
    lambda event_type: st.tuples(st.just(event_type), _objects(CONTRACT.table_of(event_type).columns))
)
_spelled = st.sampled_from(
    [
        orjson.dumps,
        lambda event: orjson.dumps(event, option=orjson.OPT_INDENT_2),
        lambda event: json.dumps(event).encode(),
        lambda event: json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(),
    ]
)


def _containers(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    here = [value] if isinstance(value, dict | list) else []
    return here + [found for one in inner for found in _containers(one)]


@st.composite
def _mutated(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    event_type, event = draw(_valid)
    event = copy.deepcopy(event)
    for _ in range(draw(st.integers(1, 4))):
        container = draw(st.sampled_from(_containers(event)))
        if isinstance(container, list):
            container.append(draw(_json))
        elif container and draw(st.booleans()):
            name = draw(st.sampled_from(sorted(container)))
            if draw(st.booleans()):
                del container[name]
            else:
                container[name] = draw(_json)
        else:
            container[draw(_text | st.sampled_from(["is_late", "a/b~c"]))] = draw(_json)
    for name in ("event_type", "event_id", "schema_version"):
        event.pop(name, None)
    return event_type, event


def _verdict(event_type: str, payload: bytes) -> set[tuple[str, str]]:
    raw = message(payload, {"event_type": event_type, "event_id": "e1"}, published_us=None)
    try:
        PARSER.parse(raw, PROCESSED_US)
    except Rejected as refused:
        return {(error.path, error.rule) for error in refused.errors}
    return set()


@given(_valid, _spelled)
def test_events_made_from_the_contract_are_accepted_by_both(
    made: tuple[str, dict[str, Any]], spell: Any
) -> None:
    event_type, event = made
    assert places_and_rules(_SCHEMAS[event_type], event) == set()
    assert _verdict(event_type, spell(event)) == set()


@settings(max_examples=400)
@given(_mutated(), _spelled)
@example(("order", {"items": [{"quantity": 1.0}], "shipping_address": {"country": "DE\n"}}), orjson.dumps)
def test_mutated_events_have_the_same_errors_from_both(made: tuple[str, dict[str, Any]], spell: Any) -> None:
    event_type, event = made
    assert _verdict(event_type, spell(event)) == places_and_rules(_SCHEMAS[event_type], event)


@settings(max_examples=400)
@given(_mutated() | _valid)
def test_the_quick_verdict_never_passes_what_has_faults(made: tuple[str, dict[str, Any]]) -> None:
    event_type, event = made
    validator = _VALIDATORS[event_type]
    faults = [fault for fault in validator.faults(event) if fault.error.rule != "format"]
    if validator.is_surely_valid(event):
        assert faults == []


_trees = st.recursive(
    st.none() | st.booleans() | _int64 | _doubles | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
)


@given(_trees, _spelled)
def test_no_equal_keys_are_found_where_there_are_none(tree: Any, spell: Any) -> None:
    payload = spell(tree)
    assert has_no_equal_keys(payload, orjson.loads(payload)) or b"\\u003" in payload


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":1e6}',
        b'{"a" :1, "a":1}',
        b'[{"b":{"a":":","a":""}}]',
        b'{"a":1,"\\u0061":1}',
    ],
    ids=["plain", "as long as what orjson writes", "spaced", "nested", "escaped"],
)
def test_equal_keys_are_found_however_they_are_spelled(payload: bytes) -> None:
    assert not has_no_equal_keys(payload, orjson.loads(payload))


@given(st.dictionaries(_text, _trees, min_size=1), st.data(), _spelled)
def test_equal_keys_are_never_overlooked(members: dict[str, Any], data: st.DataObject, spell: Any) -> None:
    repeated = data.draw(st.sampled_from(sorted(members)))
    value = data.draw(_trees)
    payload = spell(members).rstrip()[:-1] + b"," + spell(repeated) + b":" + spell(value) + b"}"
    assert not has_no_equal_keys(payload, orjson.loads(payload))


@given(_trees)
def test_canonical_json_is_that_of_rfc_8785(tree: Any) -> None:
    if all(abs(number) < 2**53 for number in _integers(tree)):
        assert canonical_json(tree) == rfc8785.dumps(tree)


def test_canonical_json_sorts_keys_by_their_utf_16_units() -> None:
    # U+1F600 is D83D DE00 in UTF-16, which stands before U+FB33 there and after it in UTF-8.
    keys = {"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "1": 4}
    assert canonical_json(keys) == '{"1":4,"\u20ac":3,"\U0001f600":2,"\ufb33":1}'.encode()
    assert canonical_json(keys) == rfc8785.dumps(keys)


def _integers(tree: Any) -> list[int]:
    if type(tree) is int:
        return [tree]
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [number for one in inner for number in _integers(one)]
