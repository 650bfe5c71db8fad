"""Changes to an input that keep it nearly right: what is wholly wrong is refused at the first byte."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

MAX_BYTES = 20_000
"""What a mutated input is cut to; the large ones are made on purpose, in `extremes`."""
SEPARATOR = b"\0\0"
"""Between the parts of an input that has several."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[A-Za-z]+|[{}\[\]:,]|\s+|.', re.DOTALL)
_SPLICES = (
    *(b"", b"null", b"true", b"0", b"-1", b"1.0", b"2e0", b"1e400", b"-0", b"9223372036854775808"),
    *(
        b"1" * 400,
        b"9" * 5_000,
        b"1" + b"0" * 400,
        b'""',
        b'"\\ud800"',
        b'"\\u0000"',
        b'"\\u003a"',
        b'"\xff"',
    ),
    *(
        b"[]",
        b"{}",
        b'{"a":1,"a":1}',
        b"[" * 300,
        b'{"a":' * 120 + b"1" + b"}" * 120,
        b'"' + b"x" * 1_100 + b'"',
    ),
    *(b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\x00", b"\\", b'"', b"\n", b"\r\n", b" " * 50, b",", b":", b"NaN"),
    *(b'"2024-05-01T12:00:00Z"', b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:60Z"', b'"~0/~1/-"'),
    *("\U0001f600\u2028é".encode(), b'"\\ud83d\\ude00"', b"event_type", b"event_id", b"schema_version"),
)
_DEEP: Any = []
for _ in range(200):
    _DEEP = [_DEEP]
_ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.0,
        2e0,
        0.1,
        1e308,
        -0.0,
        float("inf"),
        float("nan"),
        2**53 + 1,
        2**63,
        -(2**63) - 1,
    ),
    *(
        "",
        " ",
        "5",
        "x" * 129,
        "é" * 600,
        "\ud800",
        "\x00",
        "a:b",
        "\u202e",
        "~1",
        "-",
        "/a/0",
        "de",
        "DE\n",
        "(((",
        "a{99}",
    ),
    *(
        "2024-05-01T12:00:00Z",
        "2024-05-01T14:00:00.5+02:00",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59.9999999Z",
    ),
    *(
        [],
        {},
        [None],
        [[]],
        {"a": 1},
        {"": {}},
        [1] * 30,
        {"a": {"b": {"c": []}}},
        _DEEP,
        {str(n): n for n in range(30)},
    ),
)


def mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return `data` after one to four changes, some of them with pieces of `others`.

    A change is to one of its parts; where that is JSON, mostly to a value in it, so that it stays JSON.
    """
    for _ in range(random.randint(1, 4)):
        parts = data.split(SEPARATOR)
        place = random.randrange(len(parts))
        tree = _tree(parts[place])
        if tree is not None and random.randint(0, 4):
            parts[place] = _changed_json(parts[place], tree, random)
        else:
            parts[place] = random.choice(_CHANGES)(parts[place], others, random)
        data = SEPARATOR.join(parts)[:MAX_BYTES]
    return data


def _changed_json(data: bytes, tree: Any, random: Random) -> bytes:
    try:
        return _spelled(changed_tree(tree, random), random)
    except RecursionError:  # set into one another, odd values nest deeper than Python goes
        return data


def changed_tree(tree: Any, random: Random) -> Any:
    """Return a JSON value with one value in it exchanged, added, moved or taken out."""
    holders = list(_holders(tree))
    if not holders:
        return random.choice(_ODD)
    holder = random.choice(holders)
    keys: Sequence[Any] = list(holder) if isinstance(holder, dict) else range(len(holder))
    what = random.randint(0, 5) if keys else 5
    if what == 0:
        del holder[random.choice(keys)]
    elif what == 1:  # a value from elsewhere in the same tree
        elsewhere = random.choice(holders)
        values = list(elsewhere.values()) if isinstance(elsewhere, dict) else elsewhere
        holder[random.choice(keys)] = copy.deepcopy(random.choice(values)) if values else None
    elif what == 2 and isinstance(holder, dict):  # under another name
        key = random.choice(keys)
        holder[random.choice((key[:-1], key.upper(), key + "\u00e9", "", "x" * 300, "a/b~c"))] = holder.pop(
            key
        )
    elif what in (2, 3, 4):
        holder[random.choice(keys)] = random.choice(_ODD)
    elif isinstance(holder, dict):
        holder[random.choice(("event_id", "schema_version", "a", "description", "check"))] = random.choice(
            _ODD
        )
    else:
        holder.append(random.choice(_ODD))
    return tree


def _tree(data: bytes) -> Any:
    try:
        return json.loads(data) if data[:1] in (b"{", b"[") else None
    except (ValueError, RecursionError):
        return None


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _holders(inner)


def _spelled(tree: Any, random: Random) -> bytes:
    ascii_only, spaced = random.randint(0, 1), random.randint(0, 3)
    try:
        text = json.dumps(tree, ensure_ascii=bool(ascii_only), separators=None if spaced == 0 else (",", ":"))
    except ValueError:  # an integer of thousands of digits
        text = "0"
    return text.encode(errors="surrogatepass")


def _exchange_token(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    tokens = _TOKEN.findall(data)
    if not tokens:
        return random.choice(_SPLICES)
    tokens[random.randrange(len(tokens))] = random.choice(_SPLICES)
    return b"".join(tokens)


def _take_token(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    tokens = _TOKEN.findall(data)
    if tokens:
        del tokens[random.randrange(len(tokens))]
    return b"".join(tokens)


def _borrow_tokens(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    tokens, theirs = _TOKEN.findall(data), _TOKEN.findall(random.choice(others))
    begin = random.randrange(len(theirs) + 1)
    place = random.randrange(len(tokens) + 1)
    tokens[place : place + random.randint(0, 2)] = theirs[begin : begin + random.randint(1, 12)]
    return b"".join(tokens)


def _repeat_tokens(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    tokens = _TOKEN.findall(data)
    begin = random.randrange(len(tokens) + 1)
    piece = tokens[begin : begin + random.randint(1, 8)]
    return b"".join([*tokens[:begin], *piece * random.choice((2, 3, 40)), *tokens[begin + len(piece) :]])


def _splice(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.choice(_SPLICES) + data[place + random.randint(0, 3) :]


def _flip(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    if not data:
        return bytes([random.randrange(256)])
    place = random.randrange(len(data))
    return data[:place] + bytes([random.randrange(256)]) + data[place + 1 :]


def _cut(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    begin = random.randrange(len(data) + 1)
    return data[:begin] if random.randint(0, 1) else data[:begin] + data[begin + random.randint(1, 30) :]


_CHANGES = (
    *(_exchange_token, _exchange_token, _take_token, _borrow_tokens, _borrow_tokens, _repeat_tokens),
    *(_splice, _flip, _cut),
)
