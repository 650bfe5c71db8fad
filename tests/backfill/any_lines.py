"""Lines of files in every spelling a producer or an archive might use, right and wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import strategies as st

from tests.contract.messages import GOOD

TIME_FIELDS = {"order": "order_date", "inventory": "timestamp", "user_activity": "timestamp"}

event_ids = st.one_of(
    st.sampled_from(["e1", "e2", "e3", "", " ", "x" * 128, "x" * 129, "{", "}", "Köln", "\U0001f600"]),
    # Ids that have to be escaped, or look like the text around them.
    st.sampled_from(['a"b', "a\\b", "a\nb", "a\x00b", '"event_id":"e2"', '{"data":"', "\r", "\u2028"]),
    st.text(st.characters(codec="utf-8"), max_size=6),
)
_any_id = st.one_of(event_ids, st.sampled_from([None, 7, 1.5, True, {"event_id": "e1"}, ["e1"]]))
_times = st.sampled_from(["2024-05-01T12:00:00Z", "2024-05-01T14:00:00.5+02:00", "yesterday"])


def _compact(value: Any) -> bytes:
    return orjson.dumps(value)


def _spaced(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _escaped(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _key_escaped(value: Any) -> bytes:
    return orjson.dumps(value).replace(b'"event_id"', b'"event\\u005fid"', 1)


def _wide(value: Any) -> bytes:
    return b" \t" + json.dumps(value, separators=(" , ", " : ")).encode() + b"  "


spellings: st.SearchStrategy[Callable[[Any], bytes]] = st.sampled_from(
    [_compact, _compact, _spaced, _escaped, _key_escaped, _wide]
)
_member = st.tuples(
    st.sampled_from(["event_type", "event_id", "schema_version", "data", "attributes", "extra"]),
    st.sampled_from([None, 1, "1", "order", "e1", "{", "}", '"event_id":"e9"', {"event_id": "e9"}]),
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """An event as JSON: its id first, in the middle, last, nested, null, no string, twice or nowhere."""
    kind = draw(st.sampled_from(list(GOOD)))
    if draw(st.booleans()):  # nothing remarkable, as most producers write
        named = {"event_type": kind, **GOOD[kind]}
        members = list(named.items()) if draw(st.booleans()) else list(GOOD[kind].items())
        members.insert(draw(st.integers(0, len(members))), ("event_id", draw(event_ids)))
        return _compact(dict(members))
    event = {**GOOD[kind], TIME_FIELDS[kind]: draw(_times | st.just("2024-05-01T12:00:00Z"))}
    free_text = {"order": "customer_id", "inventory": "product_id", "user_activity": "user_id"}[kind]
    event[free_text] = draw(st.sampled_from(["c1", "{", '"event_id":"e2"', "}\\", "é", 'x","event_id":"e3']))
    if kind == "user_activity":
        referrer = draw(st.sampled_from(["https://a.example", '{"event_id":"e1"}', "event_id"]))
        event["metadata"] = {"referrer": referrer}
    members = list(event.items())
    if draw(st.booleans()):
        members.insert(draw(st.integers(0, len(members))), ("event_id", draw(_any_id)))
    if draw(st.integers(0, 4)):
        members.insert(draw(st.integers(0, len(members))), ("event_type", kind))
    if not draw(st.integers(0, 5)):
        members.insert(draw(st.integers(0, len(members))), draw(_member))
    text = draw(spellings)(dict(members))
    if not draw(st.integers(0, 9)):  # the same key twice
        text = text[:-1] + b',"event_id":"e3"}' if text.endswith(b"}") else text
    return text


@st.composite
def envelopes(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    """An archived message: with and without attributes, in any order of its keys, and nearly right."""
    attributes: dict[str, Any] = {}
    if draw(st.booleans()):  # nothing remarkable
        attributes = {"event_type": draw(st.sampled_from(list(GOOD))), "event_id": draw(event_ids)}
        data = base64.b64encode(draw(inner)).decode()
        rest = {"message_id": "1", "publish_time": "2024-05-01T12:00:00Z"}
        return _compact({"data": data, "attributes": attributes, **rest})
    if draw(st.booleans()):
        attributes["event_type"] = draw(st.sampled_from([*GOOD, "unheard_of"]))
    if draw(st.booleans()):
        attributes["event_id"] = draw(event_ids)
    if not draw(st.integers(0, 3)):
        attributes[draw(st.sampled_from(["a", "data", "e{", "e}", "id"]))] = draw(
            st.sampled_from(["", "{", "}", '"event_id":"e9"', "x", None])
        )
    members: list[tuple[str, Any]] = [("data", base64.b64encode(draw(inner)).decode())]
    if draw(st.integers(0, 5)):
        members.append(("attributes", attributes))
    if draw(st.integers(0, 3)):
        members.append(("message_id", draw(st.sampled_from(["1", "", "}", '"', None, 5]))))
    if draw(st.integers(0, 3)):
        members.append(("publish_time", draw(_times | st.none())))
    if not draw(st.integers(0, 3)):
        members = draw(st.permutations(members))
    if not draw(st.integers(0, 9)):
        members.append((draw(st.sampled_from(["event_id", "event_type", "other"])), "e1"))
    return draw(spellings)(dict(members))


_junk = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            b"",
            b"{",
            b'{"event_id":"e1"',
            b'{"event_id":"e1',
            b'["event_id":"e1"]',
            b'[{"event_id":"e1"}]',
            b'{"event_id":"\xff"}',
            b'\xef\xbb\xbf{"event_id":"e1"}',
            b'{"event_id":"\\ud800"}',
            b'{"event_id":"e1"} {"event_id":"e2"}',
            b'{"data":"","attributes":{"event_id":"e1"}',
            b'{"data":"!","attributes":{"event_id":"e1"}}',
            b'{"a":' * 300 + b"1" + b"}" * 300,
            b"[" * 2_000,
        ]
    ),
)


def lines() -> st.SearchStrategy[bytes]:
    """A line without its end: an event, an envelope, or anything else."""
    one = st.one_of(payloads(), payloads(), envelopes(payloads()), envelopes(payloads()), _junk, _damaged())
    return one.map(lambda line: line.replace(b"\n", b" "))


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A line with a byte exchanged, taken out or put in."""
    line = draw(payloads() | envelopes(payloads()))
    at = draw(st.integers(0, len(line)))
    return line[:at] + draw(st.sampled_from([b"", b'"', b"\\", b"}", b"{", b",", b"\xff"])) + line[at + 1 :]
