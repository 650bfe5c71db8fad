"""Which changes of the contract break somebody, told by the command as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.commands import exit_code
from pipeline.contract import CONTRACT_PATH, Table, load_contract
from pipeline.contract import Contract as ContractFile
from pipeline.errors import Rejected
from pipeline.migrations import STEPS
from pipeline.parse import Parser
from pipeline.schemas.__main__ import APPLY, DEPLOY, INSTEAD, PRODUCE, UNCOMPARED, main
from pipeline.schemas.changes import Change as Found
from pipeline.schemas.changes import Effect, changes
from tests.contract.messages import message
from tests.contract.strategies import valid, valid_event

Contract = dict[str, Any]
Change = Callable[[Contract], object]
NULLABLE = {"name": "gift", "type": "BOOLEAN", "mode": "NULLABLE", "description": "Some."}
REQUIRED = {**NULLABLE, "mode": "REQUIRED"}


def columns(content: Contract, table: str = "orders") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = content["tables"][table]["columns"]
    return found


def column(content: Contract, name: str, table: str = "orders") -> dict[str, Any]:
    return next(each for each in columns(content, table) if each["name"] == name)


def field(content: Contract, name: str) -> dict[str, Any]:
    fields: list[dict[str, Any]] = column(content, "items")["fields"]
    return next(each for each in fields if each["name"] == name)


def check(content: Contract, name: str, **words: Any) -> None:
    column(content, name)["check"] = {**column(content, name).get("check", {}), **words}


def without(content: Contract, name: str, word: str) -> None:
    del column(content, name)["check"][word]


def earlier(content: Contract, name: str, version: str = "1") -> dict[str, Any]:
    found: list[dict[str, Any]] = content["tables"]["user_activity"]["earlier_versions"][version]["columns"]
    return next(each for each in found if each["name"] == name)


def earlier_columns(content: Contract, version: str = "1") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = content["tables"]["user_activity"]["earlier_versions"][version]["columns"]
    return found


def without_version_2(content: Contract) -> None:
    del content["tables"]["user_activity"]["earlier_versions"]["2"]


def version_2_alone(content: Contract) -> None:
    without_version_2(content)
    content["tables"]["user_activity"]["schema_version"] = 2


def rename(content: Contract, old: str, new: str) -> None:
    column(content, old)["name"] = new


BREAKING: dict[str, tuple[Change, str]] = {
    "a column is gone": (
        lambda c: columns(c, "user_activity").remove(column(c, "metadata", "user_activity")),
        "user_activity.metadata is gone.",
    ),
    "a column is renamed": (
        lambda c: rename(c, "total_amount", "total_amounts"),
        "orders.total_amount is gone (renamed to total_amounts?).",
    ),
    "a type": (
        lambda c: column(c, "total_amount").update(type="INTEGER"),
        "orders.total_amount was of type FLOAT and is of type INTEGER.",
    ),
    "a new REQUIRED column": (lambda c: columns(c).append(REQUIRED), "orders.gift is new and REQUIRED."),
    "a new REQUIRED field": (
        lambda c: column(c, "items")["fields"].append(REQUIRED),
        "orders.items.gift is new and REQUIRED.",
    ),
    "a column becomes REQUIRED": (
        lambda c: column(c, "shipping_address").update(mode="REQUIRED"),
        "orders.shipping_address was NULLABLE and is REQUIRED.",
    ),
    "an enum is narrower": (
        lambda c: column(c, "activity_type", "user_activity").update(check={"enum": ["login"]}),
        "user_activity.activity_type enum was ['login', 'logout', 'view_product', 'add_to_cart'] "
        "and is ['login'].",
    ),
    "an enum is new": (
        lambda c: check(c, "order_id", enum=["a"]),
        "orders.order_id enum was absent and is ['a'].",
    ),
    "a length is shorter": (
        lambda c: check(c, "order_id", maxLength=64),
        "orders.order_id maxLength was 128 and is 64.",
    ),
    "a minimum is higher": (
        lambda c: check(c, "total_amount", minimum=1),
        "orders.total_amount minimum was 0 and is 1.",
    ),
    "a pattern is new": (
        lambda c: check(c, "order_id", pattern="^o"),
        "orders.order_id pattern was absent and is ^o.",
    ),
    "more values are forbidden": (
        lambda c: column(c, "quantity_change", "inventory_logs").update(check={"not": {"enum": [0, 1]}}),
        "inventory_logs.quantity_change not was {'enum': [0]} and is {'enum': [0, 1]}.",
    ),
    "a version goes back": (
        version_2_alone,
        "user_activity schema_version was 3 and is 2.",
    ),
    "an earlier version is gone": (
        without_version_2,
        "user_activity version 2 has no columns of its own any more.",
    ),
    "a column of an earlier version is gone": (
        lambda c: earlier_columns(c, "2").remove(earlier(c, "category", "2")),
        "user_activity version 2.category is gone.",
    ),
    "a column of an earlier version becomes REQUIRED": (
        lambda c: earlier(c, "price").update(mode="REQUIRED"),
        "user_activity version 1.price was NULLABLE and is REQUIRED.",
    ),
    "an enum of an earlier version is narrower": (
        lambda c: earlier(c, "event_type").update(check={"enum": ["login"]}),
        "user_activity version 1.event_type enum was ['login', 'logout', 'view_product', 'add_to_cart'] "
        "and is ['login'].",
    ),
    "another type in an earlier version": (
        lambda c: earlier(c, "price").update(type="STRING"),
        "user_activity version 1.price was of type FLOAT and is of type STRING.",
    ),
    "another event type": (
        lambda c: c["tables"]["orders"].update(event_type="purchase"),
        "orders event_type was order and is purchase.",
    ),
    "a view is gone": (
        lambda c: c["views"].pop("dead_letters_open"),
        "dead_letters_open is gone, for all who query it.",
    ),
}
SAFE: dict[str, tuple[Change, str, list[str]]] = {
    "a new NULLABLE column": (
        lambda c: columns(c).append(NULLABLE),
        "table     orders.gift is a new NULLABLE column.",
        [APPLY, DEPLOY, PRODUCE],
    ),
    "a REQUIRED column becomes NULLABLE": (
        lambda c: column(c, "customer_id").update(mode="NULLABLE"),
        "table     orders.customer_id was REQUIRED and is NULLABLE.",
        [APPLY, DEPLOY, PRODUCE],
    ),
    "an enum is wider": (
        lambda c: check(c, "status", enum=["pending", "processing", "shipped", "delivered", "lost"]),
        "pipeline  orders.status enum was",
        [DEPLOY, PRODUCE],
    ),
    "a check is gone": (
        lambda c: without(c, "order_id", "maxLength"),
        "pipeline  orders.order_id maxLength was 128 and is absent.",
        [DEPLOY, PRODUCE],
    ),
    "a column becomes personal": (
        lambda c: column(c, "order_id").update(pii=True),
        "pipeline  orders.order_id is marked pii now.",
        [DEPLOY, PRODUCE],
    ),
    "a version more": (
        lambda c: c["tables"]["orders"].update(schema_version=2),
        "pipeline  orders schema_version was 1 and is 2.",
        [DEPLOY, PRODUCE],
    ),
    "an earlier version takes more": (
        lambda c: earlier(c, "event_type").update(mode="NULLABLE"),
        "pipeline  user_activity version 1.event_type was REQUIRED and is NULLABLE.",
        [DEPLOY, PRODUCE],
    ),
    "a check of an earlier version is gone": (
        lambda c: earlier(c, "user_id", "2").pop("check"),
        "pipeline  user_activity version 2.user_id minLength was 1 and is absent.",
        [DEPLOY, PRODUCE],
    ),
    "a description": (
        lambda c: column(c, "status").update(description="Another."),
        "text      orders.status has another description.",
        [APPLY],
    ),
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_bytes(CONTRACT_PATH.read_bytes())
    return old, new


def compared(files: tuple[Path, Path], change: Change) -> int:
    old, new = files
    content = json.loads(old.read_bytes())
    change(content)
    new.write_text(json.dumps(content))
    return main(["check", str(old), str(new)])


@pytest.mark.parametrize(("change", "line"), BREAKING.values(), ids=BREAKING.keys())
def test_a_breaking_change_fails_and_is_named(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], change: Change, line: str
) -> None:
    assert compared(files, change) == 1
    printed = capsys.readouterr().out.splitlines()
    assert f"breaks    {line}" in printed
    assert printed[-1] == INSTEAD


@pytest.mark.parametrize(("change", "line", "steps"), SAFE.values(), ids=SAFE.keys())
def test_a_safe_change_passes_with_the_order_of_its_rollout(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], change: Change, line: str, steps: list[str]
) -> None:
    assert compared(files, change) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(line)
    assert printed[-len(steps) :] == [f"{number}. {step}." for number, step in enumerate(steps, 1)]


def activity_at_version_2_with_the_columns_of_3() -> Table:
    table = load_contract().table_of("user_activity")
    return replace(table, schema_version=2, earlier_versions=table.earlier_versions[:1])


def contract_of(table: Table) -> ContractFile:
    return ContractFile("Some.", {table.name: table}, {})


def test_a_version_that_is_raised_and_keeps_its_columns_as_an_earlier_one_is_safe() -> None:
    old, new = activity_at_version_2_with_the_columns_of_3(), load_contract().table_of("user_activity")
    kept = replace(new.earlier_versions[1], columns=old.columns, event_time=old.event_time)
    new = replace(new, earlier_versions=(new.earlier_versions[0], kept))
    assert changes(contract_of(old), contract_of(new)) == [
        Found("user_activity", "schema_version was 2 and is 3", Effect.PIPELINE),
        Found("user_activity version 2", "has columns of its own now, and is lifted", Effect.PIPELINE),
    ]


def test_a_version_that_is_given_other_columns_than_its_producers_send_breaks() -> None:
    old, new = activity_at_version_2_with_the_columns_of_3(), load_contract().table_of("user_activity")
    breaking = {
        f"{each.place} {each.said}"
        for each in changes(contract_of(old), contract_of(new))
        if each.effect is Effect.BREAKS
    }
    assert breaking >= {
        "user_activity version 2 event_time was timestamp and is event_time",
        "user_activity version 2.metadata is gone",
        "user_activity version 2.event_time is new and REQUIRED",
    }


def test_equal_files_pass(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert compared(files, lambda _: None) == 0
    assert capsys.readouterr().out == "Nothing is different.\n"


def test_a_version_that_goes_with_its_step_breaks_and_is_compared_all_the_same(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(STEPS, ("user_activity", 2))
    assert compared(files, without_version_2) == 1
    assert capsys.readouterr().out.splitlines() == [
        "breaks    user_activity version 2 has no columns of its own any more.",
        INSTEAD,
    ]


def test_a_contract_that_does_not_keep_the_rules_of_now_breaks_and_is_not_compared(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = files
    new.write_bytes(old.read_bytes())
    content = json.loads(old.read_bytes())
    content["tables"]["orders"]["schema_version"] = 10_001
    old.write_text(json.dumps(content))
    assert main(["check", str(old), str(new)]) == 1
    assert capsys.readouterr().out == (
        f'breaks    old.json: tables.orders: "schema_version" must be at most 10,000.\n{UNCOMPARED}\n'
    )
    assert exit_code(lambda: main(["check", str(new), str(old)])) == 2
    assert capsys.readouterr().err.startswith("error: old.json: tables.orders: ")


@pytest.mark.parametrize("arguments", [["check"], ["compare", "a", "b"], ["check", "no-such.json", "b.json"]])
def test_a_wrong_command_line_ends_with_one_sentence_and_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(lambda: main(arguments)) == 2
    assert capsys.readouterr().err.count("\n") == 1


_SAFE_CHANGES = st.lists(st.sampled_from(sorted(SAFE)), unique=True, min_size=1)


@given(st.data(), _SAFE_CHANGES)
def test_what_was_valid_before_safe_changes_is_valid_after_them(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, names: list[str]
) -> None:
    content = json.loads(CONTRACT_PATH.read_bytes())
    for name in names:
        SAFE[name][0](content)
    path = tmp_path_factory.mktemp("safe") / "schemas.json"
    path.write_text(json.dumps(content))
    old, new = load_contract(), load_contract(path)
    event_type, event = data.draw(valid(old))
    said = {"event_type": event_type, "event_id": "e1"}
    if event_type == "user_activity" and data.draw(st.booleans()):
        earlier_version = data.draw(st.sampled_from(old.table_of(event_type).earlier_versions))
        event = data.draw(valid_event(earlier_version))
        said["schema_version"] = str(earlier_version.schema_version)
    raw = message(event, said, None)
    try:
        Parser(old).parse(raw, 0)
    except Rejected:
        return
    Parser(new).parse(raw, 0)
