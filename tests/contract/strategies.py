"""Events for property tests: valid ones made from a contract, and what happens to them."""

from __future__ import annotations

import copy
import json
from base64 import b64encode
from math import ceil
from typing import Any

import orjson
from hypothesis import strategies as st

from pipeline.contract import Column, Contract, Table
from pipeline.projections import may_be_absent

int64 = st.integers(-(2**63), 2**63 - 1)
doubles = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(codec="utf-8"), max_size=12)
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
_json = _odd | text | int64 | doubles | st.lists(_odd, max_size=2) | st.dictionaries(text, _odd, max_size=2)


def _values(column: Column) -> st.SearchStrategy[Any]:
    one = _one_value(column)
    if column.mode == "REPEATED":
        return st.lists(
            one, min_size=column.check.get("minItems", 0), max_size=column.check.get("maxItems", 3)
        )
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
    if check.get("format") == "email":
        return st.sampled_from(["a@example.com", "first.last@shop.example"])
    if column.type == "BYTES":
        return st.binary(max_size=5).map(lambda data: b64encode(data).decode())
    if column.type == "BOOLEAN":
        return st.booleans()
    least, most = check.get("minimum", check.get("exclusiveMinimum")), check.get("maximum")
    if column.type == "INTEGER":
        bounds = -(2**63) if least is None else ceil(least), 2**63 - 1 if most is None else most
        return st.integers(*bounds).filter(lambda number: number != 0)
    if column.type == "FLOAT":
        least, most = -1e308 if least is None else least, 1e308 if most is None else most
        return st.floats(least, most) | st.integers(int(max(least, -(2**63))), int(min(most, 2**63 - 1)))
    return st.text(
        st.characters(codec="utf-8"), min_size=check.get("minLength", 0), max_size=check.get("maxLength", 20)
    )


def _objects(columns: tuple[Column, ...]) -> st.SearchStrategy[dict[str, Any]]:
    sent = [column for column in columns if column.set_by is None]
    return st.fixed_dictionaries(
        {column.name: _values(column) for column in sent if not may_be_absent(column)},
        optional={column.name: _values(column) for column in sent if may_be_absent(column)},
    )


def valid(contract: Contract) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """(event type, event) of the contract."""
    return st.sampled_from(contract.event_types).flatmap(
        lambda event_type: st.tuples(st.just(event_type), valid_event(contract.table_of(event_type)))
    )


def valid_event(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    """What a producer may send for a table, or for an earlier version of it."""
    return _objects(table.columns)


spelled = st.sampled_from(
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
def mutated(draw: st.DrawFn, contract: Contract) -> tuple[str, dict[str, Any]]:
    """(event type, event) with one to four changes, none of which need be a fault."""
    event_type, event = draw(valid(contract))
    event = change(draw, event)
    for name in ("event_type", "event_id", "schema_version"):
        event.pop(name, None)
    return event_type, event


def change(draw: st.DrawFn, event: dict[str, Any]) -> dict[str, Any]:
    """An event with one to four changes."""
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
            container[draw(text | st.sampled_from(["is_late", "a/b~c"]))] = draw(_json)
    return event
