"""JSON Pointers, after the examples of RFC 6901."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.replay.pointer import PointerError, exists, find, format_pointer, parse_pointer, put, take

RFC_6901: dict[str, Any] = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
STEPS = st.lists(st.sampled_from(["0", "1", "-", "01", "", "~", "/", "a"]) | st.text(max_size=3), max_size=4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", RFC_6901),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_pointer_finds_what_the_rfc_says(text: str, value: Any) -> None:
    assert find(RFC_6901, parse_pointer(text)) == value


@pytest.mark.parametrize(
    "text", ["/foo/2", "/foo/-", "/foo/01", "/foo/-1", "/foo/ 0", "/foo/²", "/bar", "/foo/0/x"]
)
def test_what_is_not_there_is_not_found(text: str) -> None:
    assert not exists(RFC_6901, parse_pointer(text))
    with pytest.raises(PointerError, match="is not there"):
        find(RFC_6901, parse_pointer(text))


@pytest.mark.parametrize("text", ["foo", "#/foo", "/~", "/~2", "/a~"])
def test_text_that_is_no_pointer_is_refused(text: str) -> None:
    with pytest.raises(PointerError, match="is no JSON Pointer"):
        parse_pointer(text)


@given(STEPS)
def test_a_pointer_reads_back_as_it_was_written(steps: list[str]) -> None:
    assert parse_pointer(format_pointer(tuple(steps))) == tuple(steps)


@given(JSON, STEPS.filter(len), JSON)
def test_what_was_put_is_found_and_can_be_taken(document: Any, steps: list[str], value: Any) -> None:
    pointer = tuple(steps)
    try:
        put(document, pointer, value)
    except PointerError:
        return
    if pointer[-1] == "-" and isinstance(find(document, pointer[:-1]), list):
        pointer = (*pointer[:-1], str(len(find(document, pointer[:-1])) - 1))
    assert find(document, pointer) is value
    assert take(document, pointer) is value
