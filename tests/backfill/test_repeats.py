"""Which event ids may be there more than once: none that is may be overlooked."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pipeline import repeats
from pipeline.elements import ByteRange
from pipeline.errors import Rejected
from pipeline.lines import read_messages
from pipeline.parse import Parser
from pipeline.repeats import (
    FINGERPRINT_BITS,
    fingerprint,
    fingerprint_of_message,
    fingerprints_of_lines,
    repeated,
)
from tests.backfill.any_lines import lines
from tests.contract.messages import CONTRACT, GOOD, PROCESSED_US

F = ByteRange("f", 0, 1_000)
STRICT, LENIENT = Parser(CONTRACT), Parser(CONTRACT, unknown_fields="drop")


def accepted_ids(data: bytes, offset: int, parser: Parser) -> dict[int, str]:
    """The ids of the events that the parser accepts, by the offset of their line; read line by line."""
    found: dict[int, str] = {}
    for line in data.split(b"\n"):
        for message in read_messages(F, line, offset):
            with suppress(Rejected):
                found[offset] = parser.parse(message, PROCESSED_US).event_id
        offset += len(line) + 1
    return found


def found_in(data: bytes) -> tuple[list[int], list[int]]:
    """The fingerprints in a block, and the places of their lines."""
    fingerprints, places = fingerprints_of_lines(data)
    return fingerprints.tolist(), places.tolist()


@settings(max_examples=800, deadline=None)
@given(
    st.lists(st.tuples(lines(), st.sampled_from([b"\n", b"\n", b"\r\n"])), max_size=6),
    st.booleans(),
    st.integers(0, 10**9),
    st.sampled_from([STRICT, LENIENT]),
)
def test_every_event_that_is_accepted_has_the_fingerprint_of_its_id(
    made: list[tuple[bytes, bytes]], last_end: bool, offset: int, parser: Parser
) -> None:
    data = b"".join(line + end for line, end in made)
    data = data if last_end else data.removesuffix(b"\n").removesuffix(b"\r")

    found = {offset + place: found for found, place in zip(*found_in(data), strict=True)}

    accepted = accepted_ids(data, offset, parser)
    split = data.split(b"\n")
    quick = [
        line
        for line in split
        if repeats._ID_IN_LINE.findall(b"\n" + line) != [b""] or repeats._id_in_plain_envelope(line)
    ]
    event(f"accepted: {len(accepted)}, the quick way: {len(quick)}")
    assert {place: found.get(place) for place in accepted} == {
        place: fingerprint(event_id.encode()) for place, event_id in accepted.items()
    }
    for place, message in ((p, m) for p in accepted for m in read_messages(F, data, offset)):
        if message.message_id == f"f:{place}":
            assert fingerprint_of_message(message) == found[place]


ORDER = GOOD["order"]


def plain(text: str) -> bytes:
    """An order with `text` written into it as its first members."""
    return b'{"event_type":"order",' + text.encode() + b"," + orjson.dumps(ORDER)[1:]


def archived(attributes: str, more: str = "", **fields: str) -> bytes:
    """An order in an envelope, with `attributes` as its first ones, and `more` members after them."""
    data = base64.b64encode(orjson.dumps({**ORDER, **fields})).decode()
    return f'{{"data":"{data}","attributes":{{{attributes},"event_type":"order"}}{more}}}'.encode()


@pytest.mark.parametrize(
    ("line", "event_id"),
    [
        (plain('"event_id":"e1"'), "e1"),
        (plain('"event_id" : "e1"'), "e1"),
        (plain('"event_id":"e\\u0031"'), "e1"),
        (plain('"event\\u005fid":"e1"'), "e1"),
        (plain('"event_id":"{"'), "{"),
        (plain('"event_id":"\\""'), '"'),
        (plain('"event_id":"e1"') + b"\r", "e1"),
        (b" " + plain('"event_id":"e1"') + b" ", "e1"),
        (archived('"event_id":"e1"'), "e1"),
        (archived('"event_id":"e1"', event_id="other"), "e1"),
        (archived('"a":"x"', event_id="e1"), "e1"),
        (archived('"a":"}"', event_id="e1"), "e1"),
        (archived('"a":"\\"event_id\\":\\"e2"', event_id="e1"), "e1"),
        (archived('"event_id":"e1"', ',"message_id":"}"'), "e1"),
        (archived('"event_id":"e1","a":"}}"'), "e1"),
        (archived('"a":"}","event_id":"e1"'), "e1"),
        (archived('"event_id":"e2","event_id":"e1"'), "e1"),
        (archived('"event_id":"e2"', ',"attributes":{"event_type":"order"}', event_id="e1"), "e1"),
        (archived('"event_id":"e2"', ',"attributes":{"event_type":"order","event_id":"e1"}'), "e1"),
    ],
)
def test_an_id_is_found_however_it_is_written(line: bytes, event_id: str) -> None:
    assert accepted_ids(line, 0, STRICT) == {0: event_id}
    assert found_in(line) == ([fingerprint(event_id.encode())], [0])


def test_the_derived_id_of_an_event_is_found_whatever_order_its_keys_have() -> None:
    one = orjson.dumps({"event_type": "order", **ORDER})
    other = orjson.dumps({**dict(reversed(ORDER.items())), "event_type": "order"}, option=orjson.OPT_INDENT_2)
    data = one + b"\n" + other.replace(b"\n", b" ")
    (first, second), offsets = found_in(data)
    assert first == second
    assert offsets == [0, len(one) + 1]


@pytest.mark.parametrize("deeper", ['"extra":{"event_id":"e9"}', '"extra":[{"event_id":"e9"}]'])
def test_an_id_deeper_in_an_event_is_not_its_own(deeper: str) -> None:
    nameless, named = plain(deeper), plain(f'{deeper},"event_id":"e1"')
    (derived,) = accepted_ids(nameless, 0, LENIENT).values()
    assert len(derived) == 64
    assert found_in(nameless)[0] == [fingerprint(derived.encode())]
    assert found_in(named)[0] == [fingerprint(b"e1")]


def test_what_can_be_no_event_has_no_fingerprint() -> None:
    too_deep = b'{"a":' * 300 + b"1" + b"}" * 300
    data = b'\r\n\nno json\n[]\n{"event_id":7}\n[{"a":{},"event_id":"e1"}]\n' + too_deep
    assert found_in(data) == ([], [])


def generated(folder: Path, plain: bool) -> list[bytes]:
    """Lines as the generator archives them, or their payloads with the attributes put into them."""
    path = folder / "events.jsonl"
    command = [sys.executable, "-m", "generator", "--to=jsonl", f"--path={path}", "--events=1000"]
    subprocess.run([*command, "--malformed_share=0"], check=True, capture_output=True, timeout=60)
    archived = path.read_bytes().splitlines()
    if not plain:
        return archived
    messages = read_messages(F, path.read_bytes(), 0)
    return [
        orjson.dumps({"event_type": each.attributes.get("event_type"), **orjson.loads(each.payload)})
        if "event_id" not in each.attributes
        else orjson.dumps(
            {
                **each.attributes,
                "schema_version": int(each.attributes["schema_version"]),
                **orjson.loads(each.payload),
            }
        )
        for each in messages
    ]


@pytest.mark.parametrize("plain", [True, False])
def test_what_the_generator_writes_is_read_the_quick_way(
    tmp_path: Path, plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = generated(tmp_path, plain)
    slow: list[bytes] = []
    id_in_line = repeats._id_in_line
    monkeypatch.setattr(repeats, "_id_in_line", lambda line: slow.append(line) or id_in_line(line))

    fingerprints, offsets = found_in(b"\n".join(written))

    assert len(fingerprints) == len(offsets) == 1_000
    with_id = [line for line in written if b'"event_id"' in line]
    assert len(with_id) >= 500
    assert [line for line in slow if b'"event_id"' in line] == []


@given(st.lists(st.integers(0, 12) | st.integers(0, 2**48 - 1), max_size=40))
def test_repeated_are_those_that_are_there_more_than_once(numbers: list[int]) -> None:
    counts = Counter(numbers)
    assert repeated(np.array(numbers, np.uint64)).tolist() == [counts[each] > 1 for each in numbers]


@given(st.binary(), st.binary())
def test_a_fingerprint_has_its_bits_and_depends_on_the_whole_id(one: bytes, other: bytes) -> None:
    assert 0 <= fingerprint(one) < 1 << FINGERPRINT_BITS
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


def test_fingerprints_are_the_same_in_every_process() -> None:
    assert fingerprint(b"evt-1") == 446_603_749_945


def test_different_ids_hardly_ever_have_the_same_fingerprint() -> None:
    ids = [b"evt-%08x-%09d" % (number % 7, number) for number in range(200_000)]
    assert len(ids) - len({fingerprint(each) for each in ids}) < 5
