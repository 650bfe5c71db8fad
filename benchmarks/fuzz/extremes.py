"""Payloads of any size that are made to be slow or to take memory, each in another way."""

from __future__ import annotations

from collections.abc import Callable

_ITEM = b'{"product_id":"p","quantity":1,"unit_price":1.0}'
_ORDER = (
    b'{"event_type":"order","order_id":"1","customer_id":"c","order_date":"2024-05-01T12:00:00Z",'
    b'"status":"pending","total_amount":1.0,"items":['
)


def _filled(head: bytes, unit: bytes, tail: bytes) -> Callable[[int], bytes]:
    return lambda size: head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


def _numbered(head: bytes, form: str, tail: bytes) -> Callable[[int], bytes]:
    width = len((form % 0).encode())
    return lambda size: (
        head
        + "".join(form % number for number in range((size - len(head) - len(tail)) // width)).encode()
        + tail
    )


EXTREMES: dict[str, Callable[[int], bytes]] = {
    "open arrays": _filled(b"", b"[", b""),
    "closed arrays": _filled(b'{"a":[', b"[],", b"1]}"),
    "closed objects": _filled(b'{"a":[', b"{},", b"1]}"),
    "objects of an element": _filled(b'{"a":[', b'{"a":1},', b"1]}"),
    "a hundred levels, often": _filled(b'{"event_type":"order","a":[', b"[" * 97 + b"]" * 97 + b",", b"1]}"),
    "many keys": _numbered(b"{", '"k%07d":1,', b'"a":1}'),
    "many keys beyond ASCII": _numbered(b"{", '"é%07d":1,', b'"a":1}'),
    "many long keys": _numbered(b'{"event_type":"order",', '"%04d' + "x" * 900 + '":1,', b'"a":1}'),
    "equal keys": _filled(b"{", b'"a":1,', b'"a":1}'),
    "equal keys in objects": _filled(b'{"a":[', b'{"a":1,"a":1},', b"1]}"),
    "a long integer": _filled(b'{"a":', b"9", b"}"),
    "a long fraction": _filled(b'{"a":0.', b"9", b"}"),
    "a long exponent": _filled(b'{"a":1e', b"9", b"}"),
    "integers beyond 64 bits": _filled(b'{"a":[', b"99999999999999999999,", b"1]}"),
    "small doubles": _filled(b'{"a":[', b"1.5e-7,", b"1]}"),
    "lone surrogates": _filled(b'{"a":[', b'"\\ud800",', b"1]}"),
    "escaped colons": _filled(b'{"a":"', b"\\u003a", b'"}'),
    "back-slashes": _filled(b'{"a":"', b"\\\\", b'"}'),
    "open strings": _filled(b"{", b'"', b""),
    "spaces": _filled(b"{", b" ", b"}"),
    "spaces and no end": _filled(b"{", b" ", b""),
    "wrong elements": _filled(b'{"event_type":"order","items":[', b"1,", b"1]}"),
    "empty elements": _filled(b'{"event_type":"order","items":[', b"{},", b"{}]}"),
    "good elements": _filled(_ORDER, _ITEM + b",", _ITEM + b"]}"),
    "good elements and a key twice": _filled(_ORDER, _ITEM + b",", _ITEM[:-1] + b',"quantity":1}]}'),
    "a value that holds much": _filled(b'{"event_type":"order","order_id":[[', b'{"a":[1]},', b"1]]}"),
    "a long country": _filled(b'{"event_type":"order","shipping_address":{"country":"', b"A", b'"}}'),
    "a long time": _filled(b'{"event_type":"order","order_date":"2024-05-01T12:00:00.', b"1", b'Z"}'),
    "a long event id": _filled(b'{"event_type":"order","event_id":"', b"a", b'"}'),
    "a long event type": _filled(b'{"event_type":"', b"a", b'"}'),
}
