"""Which changes of the contract break somebody, told by the command as a user runs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.commands import exit_code
from pipeline.contract import CONTRACT_PATH, Contract, Table, load_contract
from pipeline.errors import Rejected
from pipeline.migrations import STEPS
from pipeline.parse import Parser
from pipeline.schemas.__main__ import INSTEAD, UNCOMPARED, main
from pipeline.schemas.changes import Change as Found
from pipeline.schemas.changes import Effect, changes
from tests.contract.changed_contract import Change, orders, write_changed
from tests.contract.messages import message
from tests.contract.strategies import valid, valid_event
from tests.schemas.contract_changes import BREAKING, SAFE, without_version_2


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_bytes(CONTRACT_PATH.read_bytes())
    return old, new


def compared(files: tuple[Path, Path], change: Change) -> int:
    old, new = files
    write_changed(new, change)
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


def contract_of(table: Table) -> Contract:
    return Contract("Some.", {table.name: table}, {})


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
    write_changed(old, lambda c: orders(c).update(schema_version=10_001))
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
    path = tmp_path_factory.mktemp("safe") / "schemas.json"
    write_changed(path, lambda c: [SAFE[name][0](c) for name in names])
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
