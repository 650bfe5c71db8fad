"""Earlier versions of an event type made up for it: times that become text, records, shapes that overlap."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.contract import load_contract
from pipeline.elements import RawMessage
from pipeline.errors import ContractFileError
from pipeline.migrations import STEPS, Fields
from pipeline.parse import Parser
from tests.contract.messages import PROCESSED_US, message, row, verdict
from tests.contract.test_quick_reading import _ONLY_A_TIME, _column

NOON, ONE = "2024-05-01T12:00:00.000000Z", "2024-05-01T13:00:00.000000Z"
_AT = _column("at", "TIMESTAMP", "REQUIRED")
_MORE = _column(
    "more", "RECORD", fields=[_column("schema_version", "INTEGER"), _column("event_type", "STRING")]
)
FIRST = [
    _AT,
    _column("seen", "TIMESTAMP", "REQUIRED"),
    _column("until", "TIMESTAMP"),
    _column("only_then", "STRING"),
    _MORE,
]
SECOND = [
    _AT,
    _column("seen", "STRING"),
    _column("until", "STRING"),
    _column("notes", "STRING", "REPEATED"),
    _MORE,
    *_ONLY_A_TIME[1:],
]


def _first_to_second(event: Fields) -> Fields:
    kept = {name: event[name] for name in ("until", "more") if name in event}
    return {"at": event["seen"], "notes": [event["at"], event.get("only_then") or ""], **kept}


def contract_file(folder: Path) -> Path:
    table = {
        "description": "Some.",
        "event_type": "time",
        "schema_version": 2,
        "event_time": "at",
        "earlier_versions": {"1": {"event_time": "at", "columns": FIRST}},
        "columns": SECOND,
    }
    path = folder / "schemas.json"
    path.write_text(json.dumps({"description": "Some.", "tables": {"t": table}, "views": {}}))
    return path


@pytest.fixture
def parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parser:
    monkeypatch.setitem(STEPS, ("time", 1), _first_to_second)  # type: ignore[arg-type]
    return Parser(load_contract(contract_file(tmp_path)))


def first(**changes: Any) -> dict[str, Any]:
    return {"at": NOON, "seen": ONE, **changes}


def sent(event: dict[str, Any], **attributes: str) -> RawMessage:
    return message(event, {"event_type": "time", "event_id": "e1", **attributes}, None)


@pytest.mark.parametrize("raw", [sent(first(), schema_version="1"), sent(first(schema_version=1))])
def test_an_event_that_would_pass_as_one_of_now_is_still_lifted(parser: Parser, raw: RawMessage) -> None:
    assert parser._read_quickly(raw, PROCESSED_US) is not None
    parsed = row(raw, parser)
    assert (parsed["at"], parsed["notes"], parsed["schema_version"]) == (ONE, [NOON, ""], 1)


@pytest.mark.parametrize("name", ["at", "seen", "until"])
def test_a_time_of_an_old_event_is_one_wherever_it_goes(parser: Parser, name: str) -> None:
    raw = sent(first(**{name: "yesterday"}), schema_version="1")
    assert parser._read_quickly(raw, PROCESSED_US) is None
    assert verdict(raw, parser) == ("invalid_timestamp", [(f"/{name}", "format")])


def test_a_version_inside_a_record_is_not_the_events_own(parser: Parser) -> None:
    raw = sent(first(only_then="x", more={"schema_version": 1}))
    assert verdict(raw, parser) == ("unexpected_field", [("/only_then", "unexpected_field")])
    parsed = row(sent(first(only_then="x", more={"schema_version": 1}), schema_version="1"), parser)
    assert (parsed["notes"], parsed["more"]) == ([NOON, "x"], {"schema_version": 1})


def test_a_type_inside_a_record_is_not_the_events_own(parser: Parser) -> None:
    inside = first(schema_version=1, only_then="x", more={"event_type": "time"})
    assert verdict(message(inside, {}, None), parser)[0] == "unknown_event_type"
    raw = message({**inside, "event_type": "time"}, {}, None)
    assert parser._read_quickly(raw, PROCESSED_US) is not None
    assert row(raw, parser)["more"] == {"event_type": "time"}


def test_a_later_version_is_not_lifted(parser: Parser) -> None:
    raw = sent({"at": NOON, "seen": "now"})
    quick = parser._read_quickly(raw, PROCESSED_US)
    assert quick is not None
    assert orjson.loads(quick.columns) == {"at": NOON, "seen": "now"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda columns: columns["more"]["fields"][0].update(pii=True),
            '"more.schema_version" becomes more.schema_version, which has "pii"; mark it, too.',
        ),
        (
            lambda columns: columns["notes"].update(pii=True),
            '"at" becomes notes, which has "pii"; mark it, too.',
        ),
    ],
)
def test_what_becomes_personal_in_records_and_arrays_has_to_be_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    monkeypatch.setitem(STEPS, ("time", 1), _first_to_second)  # type: ignore[arg-type]
    path = contract_file(tmp_path)
    content = json.loads(path.read_text())
    change({column["name"]: column for column in content["tables"]["t"]["columns"]})
    path.write_text(json.dumps(content))
    with pytest.raises(ContractFileError) as refused:
        load_contract(path)
    assert str(refused.value) == f"schemas.json: tables.t.earlier_versions.1.columns: {sentence}"
