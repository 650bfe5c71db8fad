"""The quick way accepts nothing that the thorough way refuses, and reads the same from what it accepts."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generator.simulation import Plan, Simulation
from pipeline.contract import Contract, load_contract
from pipeline.elements import RawMessage
from pipeline.errors import Rejected
from pipeline.parse import Parser
from tests.contract.messages import CONTRACT, GOOD, PROCESSED_US, assert_alike, good, message
from tests.contract.strategies import int64, mutated, spelled, text, valid


def _column(name: str, type_: str, mode: str = "NULLABLE", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, "mode": mode, "description": "Some.", **more}


_INNER = [
    _column("class", "STRING", "REQUIRED", check={"pattern": "^[a-c]{1,3}$"}),
    _column("seen", "TIMESTAMP"),
    _column("codes", "INTEGER", "REPEATED", check={"enum": [1, 2, 3], "maxItems": 2}),
]
_EVERY_KIND = [
    _column("at", "TIMESTAMP", "REQUIRED"),
    _column("until", "TIMESTAMP"),
    _column("times", "TIMESTAMP", "REPEATED"),
    _column("small", "INTEGER", check={"minimum": -3, "maximum": 7, "not": {"enum": [0]}}),
    _column("above", "INTEGER", "REQUIRED", check={"exclusiveMinimum": 2, "minimum": 3}),
    _column("far", "FLOAT", check={"maximum": 1e300}),
    _column("share", "FLOAT", check={"exclusiveMinimum": 0, "maximum": 1.5}),
    _column("steps", "FLOAT", check={"enum": [1, 2.5]}),
    _column("word", "STRING", "REQUIRED", check={"enum": ["a:b", "\u00e9"]}),
    _column("no_word", "STRING", check={"not": {"enum": ["x"]}, "maxLength": 3}),
    _column("mail", "STRING", check={"format": "email"}),
    _column("raw", "BYTES"),
    _column("always", "BOOLEAN", check={"enum": [True]}),
    _column("first", "RECORD", "REQUIRED", fields=_INNER),
    _column("more", "RECORD", "REPEATED", fields=_INNER, check={"minItems": 1}),
    _column("event_id", "STRING", "REQUIRED", set_by="pipeline"),
    _column("schema_version", "INTEGER", "REQUIRED", set_by="pipeline"),
    _column("is_late", "BOOLEAN", "REQUIRED", set_by="pipeline"),
    _column("publish_time", "TIMESTAMP", "REQUIRED", set_by="pipeline"),
    _column("processed_at", "TIMESTAMP", "REQUIRED", set_by="pipeline"),
]
_ONLY_A_TIME = [_EVERY_KIND[0], *_EVERY_KIND[-5:]]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return _wide(tmp_path_factory.mktemp("contract"))


def _wide(folder: Path) -> Contract:
    def table(name: str, columns: list[dict[str, Any]]) -> dict[str, Any]:
        said = {"description": "Some.", "event_type": name, "schema_version": 3, "event_time": "at"}
        return {**said, "columns": columns}

    tables = {"w": table("wide:\u00e9", _EVERY_KIND), "t": table("time", _ONLY_A_TIME)}
    content = {"description": "Some.", "tables": tables, "views": {}}
    path = folder / "schemas.json"
    path.write_text(json.dumps(content))
    return load_contract(str(path))


def _said_alike(parser: Parser, raw: RawMessage) -> bool:
    """Whether the quick way accepts `raw`; fails if the thorough way says something else then."""
    quick = parser._read_quickly(raw, PROCESSED_US)
    if quick is None:
        return False
    assert_alike(quick, parser._judge(raw, PROCESSED_US))
    return True


_ids = st.text(st.characters(codec="utf-8"), max_size=130)
_said = st.fixed_dictionaries(
    {}, optional={"event_id": _ids, "schema_version": st.sampled_from(["1", "03", "3", "4", "0", "x"])}
)
_fields = st.fixed_dictionaries(
    {}, optional={"event_id": _ids | st.none() | int64, "schema_version": st.integers(0, 4) | text}
)


def _compare(
    contract: Contract, made: tuple[str, dict[str, Any]], spell: Any, data: st.DataObject
) -> tuple[bool, RawMessage]:
    event_type, event = made
    attributes, fields = data.draw(_said), data.draw(_fields)
    place = attributes if data.draw(st.booleans()) else fields
    place["event_type"] = event_type
    raw = message(spell({**fields, **event}), attributes, None)
    return _said_alike(Parser(contract), raw), raw


@settings(max_examples=300, deadline=None)
@given(st.data(), spelled)
def test_both_ways_read_the_same_from_the_contract_as_it_is(data: st.DataObject, spell: Any) -> None:
    _compare(CONTRACT, data.draw(valid(CONTRACT) | mutated(CONTRACT)), spell, data)


@settings(max_examples=500, deadline=None)
@given(st.data(), spelled)
def test_both_ways_read_the_same_under_every_kind_of_check(
    wide: Contract, data: st.DataObject, spell: Any
) -> None:
    _compare(wide, data.draw(valid(wide) | mutated(wide)), spell, data)


@pytest.mark.parametrize("event_type", GOOD)
@pytest.mark.parametrize("time", ["2024-05-01T12:00:00Z", "2024-05-01T14:00:00.123456+02:00"])
@pytest.mark.parametrize("inside", [True, False])
def test_good_events_are_read_quickly(event_type: str, time: str, inside: bool) -> None:
    table = CONTRACT.table_of(event_type)
    said = {"event_type": event_type, "event_id": "a:b"}
    event = good(event_type, **{table.event_time or "": time})
    version = table.schema_version
    raw = message({**said, "schema_version": version, **event}, {}) if inside else message(event, said)
    assert _said_alike(Parser(CONTRACT), raw)


def test_whatever_the_generator_makes_is_read_quickly() -> None:
    start_us = 1_700_000_000_000_000
    plan = Plan(start_us=start_us, rate=50.0, malformed_share=0.0, duplicate_share=0.0, late_share=0.0)
    parser = Parser(CONTRACT)
    for made in islice(Simulation(plan, CONTRACT).messages(), 2_000):
        raw = RawMessage(made.payload, made.attributes, None, None)
        assert _said_alike(parser, raw), made.payload


def test_an_event_of_every_kind_of_column_is_read_quickly(wide: Contract) -> None:
    inner = {"class": "abc", "seen": "2024-05-01T12:00:00+01:00", "codes": [1, 3]}
    event = {
        "at": "2024-05-01T12:00:00Z",
        "until": "2024-05-01T12:00:00.5Z",
        "times": ["2024-05-01T12:00:00Z"],
        "small": 7,
        "above": 3,
        "far": -7,
        "share": 1.5,
        "steps": 1,
        "word": "a:b",
        "no_word": "y",
        "mail": "a@example.com",
        "raw": "YQ==",
        "always": True,
        "first": inner,
        "more": [inner, inner],
    }
    parser = Parser(wide)
    assert _said_alike(parser, message(event, {"event_type": "wide:\u00e9"}))
    assert _said_alike(parser, message({"at": "2024-05-01T12:00:00Z"}, {"event_type": "time"}))
    row = orjson.loads(parser.parse(message(event, {"event_type": "wide:\u00e9"}), 0).row)
    assert row["until"] == "2024-05-01T12:00:00.500000Z"
    assert row["times"] == ["2024-05-01T12:00:00.000000Z"]
    assert row["more"][1]["seen"] == "2024-05-01T11:00:00.000000Z"
    assert "column_0" not in row


_FAULTS: dict[str, bytes] = {
    "a key twice": b'{"at":"2024-05-01T12:00:00Z","at":"2024-05-01T12:00:00Z"}',
    "a key twice, and colons escaped": b'{"at":"12\\u003a00","at":"2024-05-01T12\\u003A00:00Z"}',
    "an id twice": b'{"event_id":"a:b","at":"2024-05-01T12:00:00Z","event_id":"a"}',
    "a type twice": b'{"event_type":"time","at":"2024-05-01T12:00:00Z","event_type":"time"}',
    "half of a surrogate pair": b'{"at":"2024-05-01T12:00:00Z","event_id":"\\ud800"}',
    "not UTF-8": b'{"at":"2024-05-01T12:00:00Z","event_id":"\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"at":"2024-05-01T12:00:00Z"}',
    "no such time": b'{"at":"2024-02-30T12:00:00Z"}',
    "a column of ours": b'{"at":"2024-05-01T12:00:00Z","is_late":false}',
    "a newer version": b'{"at":"2024-05-01T12:00:00Z","schema_version":4}',
    "something behind it": b'{"at":"2024-05-01T12:00:00Z"}{}',
}


@pytest.mark.parametrize("payload", _FAULTS.values(), ids=_FAULTS.keys())
def test_what_has_a_fault_is_not_read_quickly(wide: Contract, payload: bytes) -> None:
    raw = message(payload, {"event_type": "time"})
    assert Parser(wide)._read_quickly(raw, PROCESSED_US) is None
    with pytest.raises(Rejected):
        Parser(wide).parse(raw, 0)


@settings(max_examples=500)
@given(st.binary(max_size=6), st.integers(0, 400), st.sampled_from(list(GOOD)))
@example(b'"\\ud800A"', 12, "order")
def test_good_events_with_bytes_put_in_are_read_alike(put_in: bytes, at: int, event_type: str) -> None:
    payload = orjson.dumps(good(event_type))
    at %= len(payload)
    raw = message(payload[:at] + put_in + payload[at:], {"event_type": event_type})
    _said_alike(Parser(CONTRACT), raw)
