"""The row a dead letter becomes, its ids, and where a large payload goes."""

from __future__ import annotations

import base64
from pathlib import Path

import orjson
import pytest
from msgspec.structs import replace

from pipeline.elements import DeadLetter
from pipeline.errors import ContractError
from pipeline.objects import write_object
from pipeline.tables import Tables
from pipeline.transforms.dead_letters import (
    DeadLetterSettings,
    _Store,
    dead_letter_id,
    dead_letter_row,
    fingerprint,
    payload_uri,
    replay_count,
)
from tests.bigquery.stub_server import StubBigQuery
from tests.contract.bad_input import PAYLOADS
from tests.contract.messages import message, refusal
from tests.transforms.builders import dead_letter


def error(path: str, rule: str = "type") -> ContractError:
    return ContractError(path, rule, "It is wrong.")


def test_row_holds_the_payload_byte_for_byte_and_every_error() -> None:
    letter = dead_letter(b"\xff{", {"b": "2", "a": "1"}, errors=(error("/a"), error("/b")))
    columns = orjson.loads(dead_letter_row(letter, None).json)
    assert base64.b64decode(columns.pop("payload")) == b"\xff{"
    assert len(columns.pop("pipeline_version")) > 0
    assert columns == {
        "dead_letter_id": dead_letter_id(letter),
        "stage": "parse",
        "reason": "missing_field",
        "error_count": 2,
        "errors": [error("/a")._asdict(), error("/b")._asdict()],
        "event_type": "order",
        "message_id": "m1",
        "publish_time": "2024-05-01T12:00:00.000000Z",
        "failed_at": "2024-05-01T12:00:01.000000Z",
        "replay_count": 0,
        "fingerprint": fingerprint(letter),
        "attributes": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
        "payload_bytes": 2,
    }


@pytest.mark.parametrize("bad", PAYLOADS)
def test_every_kind_of_bad_input_has_a_row(bad: str) -> None:
    raw = message(PAYLOADS[bad][0])
    letter = dead_letter(raw.payload, errors=refusal(raw).errors)
    columns = orjson.loads(dead_letter_row(letter, payload_uri(letter, "/lake")).json)
    in_row = base64.b64decode(columns.get("payload", ""))
    assert in_row == (b"" if "payload_uri" in columns else raw.payload)


def test_a_thousand_errors_are_listed_and_all_are_counted() -> None:
    letter = dead_letter(errors=tuple(error(f"/items/{number}") for number in range(1_200)))
    columns = orjson.loads(dead_letter_row(letter, None).json)
    assert (len(columns["errors"]), columns["error_count"]) == (1_001, 1_200)


def test_id_is_the_same_however_often_a_message_is_delivered() -> None:
    letter = dead_letter()
    again = replace(letter, failed_at_us=letter.failed_at_us + 60_000_000)
    assert dead_letter_id(again) == dead_letter_id(letter)
    assert dead_letter_row(again, None).insert_id == dead_letter_row(letter, None).insert_id


def test_id_tells_messages_reasons_stages_and_replays_apart() -> None:
    letters: list[DeadLetter] = [
        dead_letter(),
        dead_letter(message_id="m2"),
        dead_letter(reason="wrong_type"),
        replace(dead_letter(), stage="bigquery"),
        dead_letter(attributes={"replay_count": "1"}),
        dead_letter(b"a", message_id=None),
        dead_letter(b"b", message_id=None),
    ]
    assert len({dead_letter_id(letter) for letter in letters}) == len(letters)


def test_fingerprint_is_the_same_for_the_same_cause_at_another_place_in_an_array() -> None:
    one = dead_letter(b"1", errors=(error("/items/0/quantity"),))
    other = dead_letter(
        b"2", errors=(error("/items/7/quantity"), error("/items/10/quantity")), message_id="m2"
    )
    assert fingerprint(one) == fingerprint(other)


def test_fingerprint_tells_causes_apart() -> None:
    letters = [
        dead_letter(),
        dead_letter(reason="wrong_type"),
        replace(dead_letter(), stage="bigquery"),
        dead_letter(errors=(error("/customer_id"),)),
        dead_letter(errors=(error("/customer_id"), error("/order_id"))),
    ]
    assert len({fingerprint(letter) for letter in letters}) == len(letters)


@pytest.mark.parametrize(
    ("text", "count"),
    [("3", 3), ("0", 0), ("", 0), ("-1", 0), ("1.5", 0), ("many", 0), ("٣", 0), ("²", 0), ("9" * 50, 0)],
)
def test_replay_count_is_digits_or_nothing(text: str, count: int) -> None:
    assert replay_count(dead_letter(attributes={"replay_count": text})) == count


def test_replay_count_is_known_where_only_the_stage_had_room() -> None:
    assert replay_count(dead_letter(attributes={"replayed_stage": "bigquery_unavailable:2"})) == 2
    assert replay_count(dead_letter(attributes={"replayed_stage": "bigquery"})) == 0


@pytest.mark.parametrize(("size", "in_lake"), [(1_000_000, False), (1_000_001, True)])
def test_a_payload_over_a_megabyte_lies_in_the_lake(size: int, in_lake: bool) -> None:
    letter = dead_letter(b"x" * size)
    name = f"/lake/dead_letters/date=2024-05-01/{dead_letter_id(letter)}.bin"
    assert payload_uri(letter, "/lake") == (name if in_lake else None)


def test_the_payload_is_in_the_lake_before_its_row_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = StubBigQuery()
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    try:
        letter = dead_letter(b"\xff" * 1_000_001)
        store = _Store(DeadLetterSettings(Tables("local-shop:shop", str(tmp_path)), None))
        assert list(store.process([letter, dead_letter(message_id="m2")])) == [
            [letter, dead_letter(message_id="m2")]
        ]
    finally:
        server.close()
    (stored,) = tmp_path.rglob("*.bin")
    assert str(stored) == payload_uri(letter, str(tmp_path))
    assert stored.read_bytes() == letter.message.payload


def test_nothing_of_a_file_is_left_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken.bin").mkdir()
    with pytest.raises(OSError, match=r"taken\.bin"):
        write_object(str(tmp_path / "taken.bin"), b"data")
    assert [each.name for each in tmp_path.iterdir()] == ["taken.bin"]
