"""Which messages are about a person, and which only look like it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.erase.person import Person
from tests.contract.messages import CONTRACT, good

ODD_IDS = [
    "C1",
    "1001",
    "o'neil",
    'say "hi"',
    "back\\slash",
    "Zoë/ß",
    "customer 🛒",
    "a.b+c@example.com",
    "\t",
    "-",
]


def person(customer_id: str | None = "C1", user_id: str | None = None) -> Person:
    ids = {"customer_id": customer_id, "user_id": user_id}
    return Person({name: id_ for name, id_ in ids.items() if id_ is not None}, CONTRACT)


def is_in(payload: Any, who: Person | None = None, attributes: dict[str, str] | None = None) -> bool:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return (who or person()).is_in(data, attributes or {})


@pytest.mark.parametrize("id_", ODD_IDS)
@pytest.mark.parametrize("in_ascii", [True, False])
def test_an_id_is_found_however_it_is_spelt_and_broken(id_: str, in_ascii: bool) -> None:
    who = person(id_)
    payload = json.dumps({"customer_id": id_, "order_id": "O1"}, ensure_ascii=in_ascii).encode()
    assert is_in(payload, who)
    assert is_in(payload.replace(b"/", b"\\/"), who)
    assert is_in(payload.replace(b", ", b" ,\n\t"), who)
    assert is_in(payload[:-1], who)
    assert is_in(payload + b"!", who)
    assert is_in(payload[: payload.index(b'", "order_id"')], who)  # cut off right behind the id
    assert is_in(payload.replace(b"customer_id", b"custmer_id"), who)
    assert not is_in({"customer_id": f"{id_}2", "note": f"x{id_}"}, who)
    assert not is_in(json.dumps({"customer_id": f"{id_}2"}).encode()[:-1], who)


@pytest.mark.parametrize("name", ["customer_id", "customerId", "custmer_id", "x"])
def test_an_id_counts_at_any_depth_and_under_any_name_but_those_of_other_columns(name: str) -> None:
    assert is_in({"metadata": [{"deep": {name: "C1"}}]})
    assert is_in({"metadata": [{"deep": {name: ["C2", "C1"]}}]})


@pytest.mark.parametrize("name", ["order_id", "product_id", "user_id", "event_id", "city"])
def test_what_another_column_says_is_not_about_a_person(name: str) -> None:
    assert not is_in({name: "C1", "customer_id": "C2"})
    assert not is_in({"items": [{name: "C1"}]})


def test_customers_and_users_have_ids_of_their_own() -> None:
    assert not is_in(good("user_activity", user_id="C1"))
    assert is_in(good("user_activity", user_id="C1"), person(None, "C1"))
    both = person("C1", "U1")
    assert is_in(good(customer_id="C1"), both)
    assert is_in(good("user_activity", user_id="U1"), both)
    assert not is_in(good(customer_id="C2"), both)


@pytest.mark.parametrize(
    "payload",
    [
        {"user_id": "42"},
        {"user_id": 42},
        {"user_id": ["42"]},
        {"customer_id": "17", "user_id": None},
        b'{"customer_id":17,"user_id":"42","user_id":"x"}',
        b'{"user_id":"42",',
        b'{"user_id" : "42',
        b"user_id=42&customer_id=17",
    ],
)
def test_the_id_of_the_customer_is_not_looked_for_among_users_nor_the_other_way_round(payload: Any) -> None:
    who = person("42", "17")
    assert not is_in(payload, who)
    swapped = person("17", "42")
    assert is_in(payload, swapped)


def test_attributes_are_compared_each_with_its_own_id() -> None:
    who = person("42", "17")
    assert not is_in(b"{", who, {"user_id": "42", "customer_id": "17"})
    for name in ("customer_id", "visitor"):
        assert is_in(b"{", who, {name: "42"})
    for name in ("user_id", "visitor"):
        assert is_in(b"{", who, {name: "17"})


def test_under_a_name_that_no_column_has_either_id_counts() -> None:
    who = person("42", "17")
    assert [is_in({"visitor": id_}, who) for id_ in ("42", 17, "43")] == [True, True, False]
    assert [is_in(b'{"visitor":"%b",' % id_, who) for id_ in (b"42", b"17", b"43")] == [True, True, False]


def test_a_column_of_an_earlier_version_is_another_column_too_unless_it_is_personal() -> None:
    table = CONTRACT.table_of("user_activity")
    (*_, latest) = table.earlier_versions
    shop, visitor = (
        replace(table.columns[0], name=name, pii=name == "visitor") for name in ("shop", "visitor")
    )
    with_old_names = replace(latest, columns=(*latest.columns, shop, visitor))
    changed = replace(table, earlier_versions=(*table.earlier_versions[:-1], with_old_names))
    contract = replace(CONTRACT, tables={**CONTRACT.tables, table.name: changed})
    who = Person({"user_id": "1001"}, contract)
    assert not is_in({"shop": 1001, "user_id": "U2"}, who)
    assert is_in({"visitor": 1001, "user_id": "U2"}, who)
    assert not is_in({"event_time": "1001"}, who)


@pytest.mark.parametrize(
    "payload",
    [
        {"customer_id": 1001},
        {"customer_id": [1001]},
        {"1001": {"status": "lost"}},
        b'{"customer_id":"1001","customer_id":"C2"}',
        b'{"customer_id":1001,',
        b"customer_id=1001&status=lost",
        b'{"customer_id" : "1001", NaN}',
    ],
)
def test_an_id_that_stands_there_otherwise_than_it_should_is_found(payload: Any) -> None:
    assert is_in(payload, person("1001"))


@pytest.mark.parametrize(
    "payload",
    [
        {"customer_id": 10011, "quantity": 1001},
        {"customer_id": 1001.5},
        {"customer_id": True, "total_amount": 1001},
        b'{"quantity":1001,',
        b"customer_id=10012",
        b"",
        b"\xff\xfe",
    ],
)
def test_a_number_elsewhere_is_no_id(payload: Any) -> None:
    assert not is_in(payload, person("1001"))


def test_an_id_that_is_the_name_of_a_column_does_not_mean_every_event() -> None:
    assert not is_in(good(), person("status"))


def test_attributes_count_like_fields() -> None:
    assert is_in(b"{", attributes={"customer_id": "C1"})
    assert is_in(b"{", attributes={"trace": "C1"})
    assert not is_in(b"{", attributes={"event_id": "C1", "user_id": "C1"})
