"""Lines of files as messages."""

from __future__ import annotations

import base64
import json

import pytest

from pipeline.elements import ByteRange, RawMessage
from pipeline.lines import read_envelope, read_message_at, read_messages

F = ByteRange("f", 0, 1_000)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a\nb\n", [(0, b"a"), (2, b"b")]),
        (b"a\nb", [(0, b"a"), (2, b"b")]),
        (b"a\r\nb\r\n", [(0, b"a"), (3, b"b")]),
        (b"\n\r\na\n\n", [(3, b"a")]),
        (b" a \n", [(0, b" a ")]),
    ],
    ids=["empty file", "LF", "no last line end", "CRLF", "blank lines", "spaces are kept"],
)
def test_each_line_is_a_message_that_is_named_by_its_place(
    data: bytes, lines: list[tuple[int, bytes]]
) -> None:
    assert read_messages(F, data, 0) == [
        RawMessage(text, {}, None, None, F, offset) for offset, text in lines
    ]


def test_offsets_count_from_the_start_of_the_file() -> None:
    assert [each.message_id for each in read_messages(F, b"a\nbc\n", 100)] == ["f:100", "f:102"]


def test_lines_at_places_to_be_left_out_are_no_messages() -> None:
    archived = b'{"data":"Yg=="}'
    data = b"a\n" + archived + b"\r\nc\nd\n"
    assert [each.payload for each in read_messages(F, data, 10, {10, 12})] == [b"c", b"d"]
    assert [each.payload for each in read_messages(F, data, 10, {11, 28, 29})] == [b"a", b"b", b"d"]


@pytest.mark.parametrize("text", [b"a", b'{"data":"Yg==","message_id":"7"}'])
def test_a_line_read_alone_is_the_message_it_is_among_others(text: bytes) -> None:
    data = b"first\n" + text + b"\nlast\n"
    assert read_message_at(F, data, 5, 11) == read_messages(F, data, 5)[1]


def test_an_envelope_is_the_message_that_was_archived() -> None:
    payload = b"\xff\x00 not even text"
    envelope = {
        "data": base64.b64encode(payload).decode(),
        "attributes": {"event_type": "order"},
        "message_id": "17",
        "publish_time": "2024-05-01T12:00:00.000001Z",
    }
    assert read_messages(F, json.dumps(envelope).encode(), 0) == [
        RawMessage(payload, {"event_type": "order"}, "17", 1_714_564_800_000_001, F)
    ]


def test_an_envelope_may_lack_everything_but_its_data() -> None:
    assert read_envelope(b'{"data":""}') == RawMessage(b"", {}, None, None)


@pytest.mark.parametrize(
    "text",
    [
        b'{"order_id":"data"}',
        b'{"data":"not base64!"}',
        b'{"data":1}',
        b'{"data":"","publish_time":"yesterday"}',
        b'{"data":"","attributes":{"a":1}}',
        b'{"data":"","message_id":5}',
        b'{"data":"","other":1}',
        b'["data"]',
        b'{"data":',
    ],
)
def test_what_is_no_envelope_stays_a_line_with_its_bytes(text: bytes) -> None:
    assert read_envelope(text) is None
    assert [each.payload for each in read_messages(F, text, 0)] == [text]
