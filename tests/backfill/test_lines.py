"""Lines of files as messages."""

from __future__ import annotations

import base64
import json

import pytest

from pipeline.elements import RawMessage
from pipeline.lines import Line, read_envelope, split_lines, to_messages


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
def test_split_lines(data: bytes, lines: list[tuple[int, bytes]]) -> None:
    assert list(split_lines(data, 0)) == [Line(*line) for line in lines]


def test_offsets_count_from_the_start_of_the_file() -> None:
    assert list(split_lines(b"a\nbc\n", 100)) == [Line(100, b"a"), Line(102, b"bc")]


def test_a_plain_line_is_a_message_that_is_named_by_its_place() -> None:
    assert to_messages("x.jsonl", [Line(7, b'{"a":1}')]) == [RawMessage(b'{"a":1}', {}, "x.jsonl:7", None)]


def test_an_envelope_is_the_message_that_was_archived() -> None:
    payload = b"\xff\x00 not even text"
    envelope = {
        "data": base64.b64encode(payload).decode(),
        "attributes": {"event_type": "order"},
        "message_id": "17",
        "publish_time": "2024-05-01T12:00:00.000001Z",
    }
    assert read_envelope(json.dumps(envelope).encode()) == RawMessage(
        payload, {"event_type": "order"}, "17", 1_714_564_800_000_001
    )


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
    assert to_messages("f", [Line(0, text)])[0].payload == text
