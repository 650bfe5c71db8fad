"""Whatever event is made up, the parser and the oracle say the same of it, error for error."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.errors import Rejected
from pipeline.json_text import canonical_json, has_no_equal_keys
from pipeline.projections import json_schema
from tests.contract.messages import CONTRACT, PARSER, PROCESSED_US, message
from tests.contract.oracle import places_and_rules
from tests.contract.strategies import doubles, int64, mutated, spelled, text, valid

_SCHEMAS = {event_type: json_schema(CONTRACT.table_of(event_type)) for event_type in CONTRACT.event_types}

_valid = valid(CONTRACT)


def _verdict(event_type: str, payload: bytes) -> set[tuple[str, str]]:
    raw = message(payload, {"event_type": event_type, "event_id": "e1"}, published_us=None)
    try:
        PARSER.parse(raw, PROCESSED_US)
    except Rejected as refused:
        return {(error.path, error.rule) for error in refused.errors}
    return set()


@given(_valid, spelled)
def test_events_made_from_the_contract_are_accepted_by_both(
    made: tuple[str, dict[str, Any]], spell: Any
) -> None:
    event_type, event = made
    assert places_and_rules(_SCHEMAS[event_type], event) == set()
    assert _verdict(event_type, spell(event)) == set()


@settings(max_examples=400)
@given(mutated(CONTRACT), spelled)
@example(("order", {"items": [{"quantity": 1.0}], "shipping_address": {"country": "DE\n"}}), orjson.dumps)
def test_mutated_events_have_the_same_errors_from_both(made: tuple[str, dict[str, Any]], spell: Any) -> None:
    event_type, event = made
    assert _verdict(event_type, spell(event)) == places_and_rules(_SCHEMAS[event_type], event)


_trees = st.recursive(
    st.none() | st.booleans() | int64 | doubles | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
)


@given(_trees, spelled)
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
def test_equal_keys_are_found_however_they_arespelled(payload: bytes) -> None:
    assert not has_no_equal_keys(payload, orjson.loads(payload))


@given(st.dictionaries(text, _trees, min_size=1), st.data(), spelled)
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
