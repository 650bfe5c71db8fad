"""The message a dead letter becomes on the DLQ topic: within Pub/Sub's limits whatever came in."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.errors import ContractError
from pipeline.publishing import MAX_MESSAGE_BYTES, OutgoingMessage
from pipeline.replay.letters import letter_of_message
from pipeline.transforms.dead_letters import (
    _known_fingerprint,
    cut_to_bytes,
    dead_letter_id,
    dead_letter_message,
    fingerprint,
)
from tests.contract.bad_input import PAYLOADS
from tests.contract.messages import message, refusal
from tests.transforms.builders import dead_letter

_text = st.text(st.characters(codec="utf-8"), max_size=40)
_long_text = st.builds(lambda text, times: text * times, _text, st.integers(1, 60))


def assert_within_limits(sent: OutgoingMessage) -> None:
    assert len(sent.attributes) <= 100
    for name, value in sent.attributes.items():
        assert len(name.encode()) <= 256
        assert len(value.encode()) <= 1_024
    whole = len(sent.data) + sum(
        len(name.encode()) + len(value.encode()) for name, value in sent.attributes.items()
    )
    assert whole <= MAX_MESSAGE_BYTES
    assert isinstance(json.loads(sent.attributes["errors"]), list)


def originals(sent: OutgoingMessage) -> dict[str, str]:
    return {name: value for name, value in sent.attributes.items() if name.startswith("original_")}


@given(_long_text, st.integers(0, 1_100))
def test_text_is_cut_by_bytes_and_not_inside_a_character(text: str, limit: int) -> None:
    cut = cut_to_bytes(text, limit)
    assert text.startswith(cut)
    assert len(cut.encode()) <= limit
    if cut != text:
        assert len(text[: len(cut) + 1].encode()) > limit


def test_the_original_bytes_travel_untouched_with_what_is_wrong_beside_them() -> None:
    sent = dead_letter_message(dead_letter(b"\xff\x00{", {"event_type": "order", "trace": ""}), None)
    assert sent.data == b"\xff\x00{"
    fingerprint = sent.attributes.pop("fingerprint")
    assert len(fingerprint) == 16
    assert sent.attributes == {
        "stage": "parse",
        "reason": "missing_field",
        "error_count": "1",
        "errors": '[{"path":"/order_id","rule":"required","message":"order_id is missing."}]',
        "event_type": "order",
        "message_id": "m1",
        "publish_time": "2024-05-01T12:00:00.000000Z",
        "failed_at": "2024-05-01T12:00:01.000000Z",
        "pipeline_version": sent.attributes["pipeline_version"],
        "replay_count": "0",
        "original_event_type": "order",
        "original_trace": "",
    }


def test_what_is_not_known_has_no_attribute() -> None:
    letter = dead_letter(message_id=None, published=None, event_type=None)
    names = dead_letter_message(letter, None).attributes.keys()
    assert not names & {"message_id", "publish_time", "event_type", "payload_uri", "attributes_truncated"}


_errors = st.lists(
    st.builds(ContractError, _long_text.map(lambda text: "/" + text[:1_000]), _text, _long_text), max_size=8
)


@given(_errors, st.dictionaries(_long_text, _long_text, max_size=120))
@example([ContractError("/" + "\x01" * 999, "unexpected_field", "\x02" * 999)], {})
@example([ContractError("/a", "type", "ö" * 2_000)], {"x" * 248: "1", "ö" * 124: "", "y": "z" * 1_025})
def test_any_errors_and_attributes_are_within_the_limits(
    errors: list[ContractError], attributes: Mapping[str, str]
) -> None:
    sent = dead_letter_message(dead_letter(attributes=attributes, errors=tuple(errors)), None)
    assert_within_limits(sent)
    assert sent.attributes["error_count"] == str(len(errors))
    assert bool(json.loads(sent.attributes["errors"])) == bool(errors)
    left_out = len(originals(sent)) < len(attributes)
    assert ("attributes_truncated" in sent.attributes) == left_out


@pytest.mark.parametrize("bad", PAYLOADS)
def test_every_kind_of_bad_input_can_be_sent(bad: str) -> None:
    raw = message(PAYLOADS[bad][0])
    refused = refusal(raw)
    letter = dead_letter(raw.payload, raw.attributes, errors=refused.errors, reason=refused.reason)
    sent = dead_letter_message(letter, "gs://bucket/object" if len(raw.payload) > 1_000_000 else None)
    assert_within_limits(sent)
    assert sent.data == raw.payload or sent.attributes["payload_uri"]


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("k" * 247, "v", True),
        ("k" * 248, "v", False),
        ("ö" * 124, "v", False),
        ("k", "v" * 1_024, True),
        ("k", "v" * 1_025, False),
        ("k", "ö" * 513, False),
    ],
)
def test_an_original_attribute_is_sent_whole_or_not_at_all(name: str, value: str, fits: bool) -> None:
    sent = dead_letter_message(dead_letter(attributes={name: value}), None)
    assert originals(sent) == ({f"original_{name}": value} if fits else {})
    assert sent.attributes.get("attributes_truncated") == (None if fits else "true")


def test_a_hundred_original_attributes_leave_room_for_ours() -> None:
    attributes = {f"a{number:03d}": "v" for number in range(100)}
    sent = dead_letter_message(dead_letter(attributes=attributes), None)
    assert len(sent.attributes) == 100
    assert sent.attributes["attributes_truncated"] == "true"
    assert sorted(originals(sent)) == [f"original_a{number:03d}" for number in range(len(originals(sent)))]


def test_errors_that_do_not_fit_are_left_out_and_still_counted() -> None:
    errors = tuple(ContractError(f"/items/{number}/quantity", "type", "x" * 150) for number in range(20))
    sent = dead_letter_message(dead_letter(errors=errors), None)
    listed = json.loads(sent.attributes["errors"])
    assert listed == [error._asdict() for error in errors[: len(listed)]]
    assert 0 < len(listed) < 20
    assert sent.attributes["error_count"] == "20"


def test_a_payload_of_nearly_10_mb_goes_without_its_attributes() -> None:
    payload = b"x" * (MAX_MESSAGE_BYTES - 2_000)
    sent = dead_letter_message(dead_letter(payload, {"long": "v" * 1_000, "longer": "w" * 1_000}), "gs://b/o")
    assert sent.data == payload
    assert originals(sent) == {}
    assert sent.attributes["attributes_truncated"] == "true"
    assert_within_limits(sent)


def test_a_payload_of_10_mb_goes_by_its_uri() -> None:
    sent = dead_letter_message(dead_letter(b"x" * 10_000_000), "gs://b/o")
    assert (sent.data, sent.attributes["payload_uri"]) == (b"", "gs://b/o")


def test_a_letter_keeps_its_id_where_the_queue_holds_only_the_beginning_of_the_message_id() -> None:
    letter = dead_letter(message_id="f" * 1_023 + "é" * 600)
    sent = dead_letter_message(letter, None)
    assert len(sent.attributes["message_id"].encode()) == 1_023
    assert letter_of_message(sent.data, sent.attributes).dead_letter_id == dead_letter_id(letter)


def test_fingerprints_of_letters_with_many_errors_are_not_kept_in_memory() -> None:
    many = tuple(
        ContractError(f"/{number}/{'x' * 900}", "unexpected_field", "Wrong.") for number in range(100)
    )
    letter = replace(dead_letter(), errors=many)
    kept_before = _known_fingerprint.cache_info().currsize
    assert fingerprint(letter) == fingerprint(replace(letter, errors=many[::-1]))
    assert _known_fingerprint.cache_info().currsize == kept_before
