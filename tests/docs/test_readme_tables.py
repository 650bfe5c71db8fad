"""What the README says of contract, flags and reasons is what the code says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.contract import Column, load_contract
from pipeline.errors import Rejected
from pipeline.flags import FLAGS, all_flags
from pipeline.migrations import migrate
from tests.docs.flag_words import default_in_words
from tests.docs.readme import TEXT, section, table_rows

CONTRACT = load_contract()
EVENT_TABLES = [CONTRACT.table_of(event_type) for event_type in CONTRACT.event_types]


def producer_columns(columns: tuple[Column, ...], prefix: str = "") -> Iterator[tuple[str, Column]]:
    for column in columns:
        if column.set_by is None:
            yield prefix + column.name, column
            yield from producer_columns(column.fields, f"{prefix}{column.name}.")


def rule_in_words(column: Column) -> str:
    check = dict(column.check)
    words = []
    if "maxLength" in check:
        words.append(f"{check.pop('minLength')} to {check.pop('maxLength')} characters")
    elif check.pop("minLength", None) == 1:
        words.append("not empty")
    if "enum" in check:
        words.append(", ".join(check.pop("enum")))
    if "minimum" in check:
        words.append(f"≥ {check.pop('minimum')}")
    if "not" in check:
        words.append(f"not {' or '.join(map(str, check.pop('not')['enum']))}")
    if "pattern" in check:
        words.append(f"`{check.pop('pattern')}`")
    if "minItems" in check:
        words.append(f"at least {check.pop('minItems')}")
    if column.pii:
        words.append("personal")
    assert not check, f"{column.name}: this test has no words for {sorted(check)}"
    return "; ".join(words)


@pytest.mark.parametrize("table", EVENT_TABLES, ids=lambda table: table.name)
def test_an_event_tables_columns_are_those_of_the_contract(table) -> None:
    expected = [
        [f"`{name}`", column.type, column.mode, rule_in_words(column), column.description]
        for name, column in producer_columns(table.columns)
    ]
    assert table_rows(section(f"`{table.name}`")) == expected


@pytest.mark.parametrize("table", EVENT_TABLES, ids=lambda table: table.name)
def test_an_event_tables_type_version_and_layout_are_those_of_the_contract(table) -> None:
    said = " ".join(section(f"`{table.name}`").split("\n|")[0].split())
    clusters = ", ".join(f"`{name}`" for name in table.clustering)
    assert said == (
        f"Event type `{table.event_type}`, schema version {table.schema_version}. {table.description} "
        f"Event time `{table.event_time}`; partitioned by {table.partition.type} of "
        f"`{table.partition.field}`, clustered by {clusters}."
    )


def test_fields_of_earlier_versions_are_those_of_the_contract_and_of_the_steps() -> None:
    (table,) = (each for each in EVENT_TABLES if each.earlier_versions)
    versions = [{column.name: column for column in each.columns} for each in table.earlier_versions]
    expected = []
    for name, column in versions[-1].items():
        given = [f"{each[name].type} {each[name].mode}" if name in each else "" for each in versions]
        ((place, found),) = migrate(table.event_type, {name: "x"}, 2, 3).items()
        now = place if found == "x" else f"{place}.{next(iter(found))}"
        expected.append([f"`{name}`", *given, rule_in_words(column), f"`{now}`"])
    assert set(versions[0]) <= set(versions[1])
    assert table_rows(section(f"Earlier versions of `{table.name}`")) == expected


@pytest.mark.parametrize("table", EVENT_TABLES, ids=lambda table: table.name)
def test_the_pipelines_own_columns_are_those_of_the_contract(table) -> None:
    expected = [
        [f"`{column.name}`", column.type, column.mode, column.description]
        for column in table.columns
        if column.set_by is not None
    ]
    assert table_rows(section("Set by the pipeline, in each of the three")) == expected


def test_every_derived_table_has_its_row_and_a_view_that_exists() -> None:
    rows = table_rows(section("Derived tables and views"))
    derived = {f"`{table.name}`" for table in CONTRACT.tables.values() if table.event_type is None}
    assert {row[0] for row in rows if len(row) == 3} == derived
    assert {row[2].strip("`") for row in rows if len(row) == 3} <= set(CONTRACT.views)


def test_every_view_is_explained_and_no_other() -> None:
    explained = [
        name.strip(" `")
        for row in table_rows(section("Derived tables and views"))
        if len(row) == 2
        for name in row[0].split(",")
    ]
    assert sorted(explained) == sorted(CONTRACT.views)


@pytest.mark.parametrize("title", FLAGS)
def test_the_flags_of_a_group_are_those_of_the_pipeline_with_their_defaults(title: str) -> None:
    rows = table_rows(section(title[0].upper() + title[1:]))
    assert [row[:2] for row in rows] == [
        [f"`--{flag.name}`", default_in_words(flag)] for flag in FLAGS[title]
    ]


@pytest.mark.parametrize("flag", all_flags(), ids=lambda flag: flag.name)
def test_a_flags_choices_mode_and_other_name_are_told(flag) -> None:
    (meaning,) = [row[2] for row in table_rows(section("Flags")) if row[0] == f"`--{flag.name}`"]
    if flag.choices:
        assert "One of " + ", ".join(f"`{choice}`" for choice in flag.choices) + "." in meaning
    assert (f"In a {flag.only} run only." in meaning) == bool(flag.only and not flag.required)
    assert (f"Also `--{flag.also}`." in meaning) == bool(flag.also)


def reasons() -> list[str]:
    found: list[str] = []
    pending = [Rejected]
    while pending:
        refusal = pending.pop(0)
        if "reason" in vars(refusal):
            found.append(refusal.reason)
        pending.extend(refusal.__subclasses__())
    return found


def test_every_reason_has_one_row_and_there_is_no_other() -> None:
    rows = table_rows(section("Dead letters"))
    assert [row[0].strip("`") for row in rows] == reasons()


def test_every_reason_has_a_cause_and_something_to_do() -> None:
    short = [row for row in table_rows(section("Dead letters")) if len(row) != 3 or not all(map(len, row))]
    assert short == []


@pytest.mark.parametrize("name", [*CONTRACT.tables, *CONTRACT.views])
def test_every_table_and_view_is_named(name: str) -> None:
    assert f"`{name}`" in TEXT
