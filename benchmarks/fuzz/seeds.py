"""What the fuzzing starts from: right inputs of every kind, and the wrong ones that the tests know."""

from __future__ import annotations

import base64
import gzip
import io
import json
from itertools import islice
from typing import Any

import fastavro
import orjson

from benchmarks.fuzz.messages import CONTRACT, NOW_US, as_input
from benchmarks.fuzz.mutation import MAX_BYTES, SEPARATOR
from generator.simulation import Plan, Simulation
from pipeline.contract_rules import PIPELINE_COLUMNS
from pipeline.elements import DeadLetter, RawMessage
from pipeline.errors import ContractError
from pipeline.transforms.dead_letters import dead_letter_message
from tests.contract.bad_input import ATTRIBUTES, EVENTS, FIELDS, PAYLOADS
from tests.contract.messages import GOOD, good

_DRAWN_MESSAGES = 60
_ALERT: dict[str, Any] = {
    **{"alert_id": "a1", "kind": "spike", "state": "open", "severity": "error", "metric": "order_count"},
    **{"dimension": "country", "dimension_value": "DE", "window_start": "2026-03-02T10:00:00.000000Z"},
    **{"window_end": "2026-03-02T10:05:00.000000Z", "value": 1480.0, "expected_low": 310},
    **{"expected_high": 455.5, "score": 9.75, "summary": "1,480 orders.", "run_id": "run-1"},
    **{"emitted_at": "2026-03-02T10:05:01.250000Z", "opened_at": None, "breaches": 6, "query": "SELECT 1"},
}
_AVRO = {
    "type": "record",
    "name": "PubsubMessageWithMetadata",
    "fields": [
        {"name": "subscription_name", "type": "string"},
        {"name": "message_id", "type": "string"},
        {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "attributes", "type": {"type": "map", "values": "string"}},
        {"name": "data", "type": "bytes"},
    ],
}


def messages() -> list[bytes]:
    """Messages of the generator, broken ones among them, and those of the contract's tests."""
    plan = Plan(start_us=NOW_US, rate=50.0, malformed_share=0.3)
    drawn = islice(Simulation(plan, CONTRACT).messages(), _DRAWN_MESSAGES)
    found = [as_input(each.payload, dict(each.attributes)) for each in drawn]
    order = {"event_type": "order", "event_id": "e1"}
    found += [as_input(payload, order) for payload, _, _ in PAYLOADS.values()]
    found += [as_input(orjson.dumps(good(**changes)), order) for changes, _, _ in EVENTS.values()]
    found += [as_input(orjson.dumps(good()), attributes) for attributes, _, _ in ATTRIBUTES.values()]
    found += [orjson.dumps(good(**fields)) for fields, _, _ in FIELDS.values()]
    found += [orjson.dumps({"event_type": kind, **event}) for kind, event in GOOD.items()]
    return [each for each in found if len(each) <= MAX_BYTES]


def dead_letters() -> list[bytes]:
    """Texts for errors and attributes, then a payload."""
    texts = [
        "/items/0/quantity",
        "minimum",
        "quantity must be at least 1, not 0.",
        "/a~1b",
        "\x01" * 300,
        "é" * 900,
    ]
    return ["\n".join(texts[:count] * 4).encode() + SEPARATOR + b'{"a":1}' for count in (1, 2, 3, 6)]


def queue_letters() -> list[bytes]:
    """Messages of the queue."""
    found = []
    for payload, reason, places in list(PAYLOADS.values())[:20]:
        errors = tuple(ContractError(path, rule, "Wrong.") for path, rule in places)
        message = RawMessage(payload, {"event_type": "order", "event_id": "e1"}, "m1", NOW_US)
        sent = dead_letter_message(DeadLetter(message, "parse", reason, errors, "order", NOW_US), None)
        found.append(as_input(sent.data, sent.attributes))
    return [each for each in found if len(each) <= MAX_BYTES]


def backfill_files() -> list[bytes]:
    """Plain lines, archived envelopes, both compressed, and Avro."""
    events = [orjson.dumps({"event_type": kind, **event}) for kind, event in GOOD.items()]
    envelopes = [
        orjson.dumps(
            {
                "data": base64.b64encode(event).decode(),
                "attributes": {"event_id": "e1"},
                "message_id": "1",
                "publish_time": "2024-05-01T12:00:00Z",
            }
        )
        for event in events
    ]
    texts = [b"\n".join(events), b"\r\n".join(envelopes), b"\n".join([*envelopes, b"", *events, b"{"])]
    found = [b".jsonl" + SEPARATOR + text for text in texts]
    found += [b".jsonl.gz" + SEPARATOR + gzip.compress(text, mtime=0) for text in texts]
    no_logical_type = json.loads(
        json.dumps(_AVRO).replace('{"type": "long", "logicalType": "timestamp-micros"}', '"long"')
    )
    for schema in (_AVRO, no_logical_type):
        for codec in ("null", "deflate"):
            file = io.BytesIO()
            said = {
                "subscription_name": "s",
                "message_id": "1",
                "publish_time": NOW_US,
                "attributes": {"event_id": "e"},
            }
            fastavro.writer(file, schema, [{**said, "data": event} for event in events], codec)
            found.append(b".avro" + SEPARATOR + file.getvalue())
    return found


def contracts() -> list[bytes]:
    """Small contracts in which every kind of column and check occurs."""
    inner = [
        _column("seen", "TIMESTAMP"),
        _column("codes", "INTEGER", "REPEATED", check={"enum": [1, 2], "maxItems": 2}),
    ]
    columns = [
        _column("at", "TIMESTAMP", "REQUIRED"),
        _column("n", "INTEGER", check={"minimum": -3, "maximum": 7, "not": {"enum": [0]}}),
        _column("share", "FLOAT", check={"exclusiveMinimum": 0, "maximum": 1.5}),
        _column("word", "STRING", check={"pattern": "^[a-c]{1,3}$", "minLength": 1, "maxLength": 9}),
        _column("mail", "STRING", check={"format": "email"}),
        _column("raw", "BYTES"),
        _column("yes", "BOOLEAN", check={"enum": [True]}),
        _column("more", "RECORD", "REPEATED", fields=inner, check={"minItems": 1}),
    ]
    ours = [_column(name, type_, "REQUIRED", set_by="pipeline") for name, type_ in PIPELINE_COLUMNS.items()]
    event = {"description": "D.", "event_type": "e", "schema_version": 1, "event_time": "at"}
    table = {
        "partition": {"type": "DAY", "field": "at"},
        "clustering": ["word"],
        "columns": columns + ours,
        **event,
    }
    view = {"description": "D.", "query": "SELECT * FROM `{dataset}.t`"}
    plain = {"description": "D.", "columns": [columns[1]]}
    small = {**event, "columns": [columns[0], columns[3], *ours]}
    return [
        orjson.dumps({"description": "D.", "tables": {"t": each}, "views": {"v": view}})
        for each in (table, small, plain)
    ]


def repairs() -> list[bytes]:
    """Rules with every test and step, and messages for them."""
    order = {"path": "/total_amount", "type": "string"}
    steps = [
        {"cast": "/total_amount", "as": "number"},
        {"cast": "/order_date", "as": "timestamp", "unit": "ms"},
        {"rename": "/state", "to": "/status"},
        {"set": "/items/0/quantity", "value": 1},
        {"set": "/items/-", "value": {"product_id": "P", "quantity": 1, "unit_price": 2}},
        {"drop": "/extra"},
        {"set": "/event_type", "in": "attributes", "value": "order"},
    ]
    always = {"path": "", "exists": True}
    rules = [
        [{"when": [{"event_type": "order"}, order], "do": steps[:2]}, {"when": always, "do": steps[2:]}],
        [
            {"when": {"reason": ["wrong_type", "x"]}, "do": steps[3:5]},
            {"when": {"path": "/a", "equals": {"b": [1]}}, "do": steps[5]},
        ],
        [{"when": always, "do": each} for each in steps],
        [
            {"when": always, "do": {"set": "/a", "value": {"b": {"c": []}}}},
            {"when": always, "do": {"rename": "/a/b", "to": "/d"}},
        ],
    ]
    wrong = good(total_amount="12.50", order_date=1714564800000, state="pending", extra=None)
    payloads = [
        orjson.dumps(wrong),
        orjson.dumps(good()),
        b'{"a":{"b":[1]},"extra":1}',
        b"[",
        b'{"a":1,"a":2}',
    ]
    return [orjson.dumps({"rules": each}) + SEPARATOR + payload for each in rules for payload in payloads]


def alerts() -> list[bytes]:
    """Alerts as the pipeline sends them, and CloudEvents around them."""
    states = [
        {**_ALERT, "state": state, "alert_id": f"a-{state}"} for state in ("open", "ongoing", "resolved")
    ]
    found = [SEPARATOR + orjson.dumps(each) for each in states]
    found += [
        orjson.dumps({"message": {"data": base64.b64encode(orjson.dumps(each)).decode()}}) for each in states
    ]
    return [*found, b'{"message":{"data":""}}', b"[]", b"null", b'{"message":[]}']


def retry_afters() -> list[bytes]:
    """Headers in seconds and as dates."""
    dates = (
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Mon, 02 Mar 2026 10:00:00 +0200",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
    )
    return [b"", b"0", b"120", b"9" * 30, b"-1", b"1.5", *dates, b"Sun Nov  6 08:49:37 1994"]


def _column(name: str, type_: str, mode: str = "NULLABLE", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, "mode": mode, "description": "D.", **more}
