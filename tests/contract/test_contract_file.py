"""The loader takes the contract as it is, and refuses a file that is none with a sentence."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pipeline.contract import Column, load_contract
from pipeline.errors import ContractFileError
from pipeline.parse import Parser
from tests.contract.changed_contract import column, write_changed
from tests.contract.messages import CONTRACT


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b'{"a": 1,}', "schemas.json: line 1, column 9: not JSON: "),
        (b"\xff", "schemas.json: not UTF-8 at byte 0; save it as UTF-8."),
        (
            b'{"a": 1, "b": 2, "a": 3}',
            'schemas.json: the key "a" stands twice in the object that starts with',
        ),
        (b"[]", "schemas.json: must be an object."),
    ],
)
def test_a_file_that_is_not_a_json_object_is_refused(text: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    path.write_bytes(text)
    with pytest.raises(ContractFileError) as refused:
        load_contract(path)
    assert str(refused.value).startswith(sentence)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    with pytest.raises(ContractFileError, match=r"none\.json: cannot be read: No such file or directory\."):
        load_contract(str(path))


def test_a_pattern_that_only_python_understands_is_refused_by_the_parser(tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    write_changed(path, lambda c: column(c, "status").update(check={"pattern": "^(?=p)"}))
    with pytest.raises(ContractFileError, match=r"^schemas\.json: orders\.status: .*\^\(\?=p\)"):
        Parser(load_contract(path))


def test_the_contract_holds_the_tables_of_the_design() -> None:
    assert CONTRACT.event_types == ("order", "inventory", "user_activity")
    assert list(CONTRACT.tables) == [
        "orders",
        "inventory_logs",
        "user_activity",
        "order_metrics",
        "hourly_metrics",
        "data_quality_metrics",
        "dead_letters",
        "replays",
        "_load_metadata",
        "alerts",
        "metric_expectations",
    ]
    assert CONTRACT.table_of("inventory") is CONTRACT.tables["inventory_logs"]
    with pytest.raises(KeyError):
        CONTRACT.table_of("refund")


def test_a_record_that_is_pii_marks_all_inside_of_it(tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    write_changed(path, lambda c: column(c, "shipping_address").update(pii=True))
    columns = {column.name: column for column in load_contract(path).tables["orders"].columns}
    assert [inner.pii for inner in columns["shipping_address"].fields] == [True] * 5
    assert not columns["items"].holds_pii


def test_the_personal_columns_of_the_contract() -> None:
    def marked(columns: tuple[Column, ...], prefix: str) -> list[str]:
        found = [prefix + column.name for column in columns if column.pii]
        return found + [
            each for column in columns for each in marked(column.fields, f"{prefix}{column.name}.")
        ]

    assert [
        each for table in CONTRACT.tables.values() for each in marked(table.columns, f"{table.name}.")
    ] == [
        "orders.customer_id",
        "orders.shipping_address.street",
        "orders.shipping_address.city",
        "orders.shipping_address.state",
        "orders.shipping_address.postal_code",
        "user_activity.user_id",
        "user_activity.metadata.session_id",
        "user_activity.metadata.geo_city",
        "user_activity.metadata.referrer",
        "dead_letters.payload",
    ]


def test_the_contract_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(CONTRACT)) == CONTRACT


def test_a_number_of_thousands_of_digits_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    path.write_text('{"description": ' + "1" * 5_000 + "}")
    with pytest.raises(ContractFileError, match=r"^schemas.json: holds a number that cannot be read: "):
        load_contract(path)


@pytest.mark.parametrize("content", ['{"\\ud800": 1}', '{"description": ["\\ud800"]}'], ids=["key", "value"])
def test_half_of_a_surrogate_pair_is_refused_wherever_it_stands(content: str, tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    path.write_text(content)
    with pytest.raises(ContractFileError) as refused:
        load_contract(path)
    assert str(refused.value) == (
        "schemas.json: holds \\ud800, half of a surrogate pair; escape both halves, or none."
    )
