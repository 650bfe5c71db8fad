"""How fast the parser is beside `orjson.loads` alone, on one core, in one run.

    python -m benchmarks.validation [--events 20000] [--repetitions 7] [--seed 1]

All measurements take turns on every 500 messages, so that a busy machine slows them all alike.
The figures are medians over these turns, in CPU time; a ratio is taken within a turn.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
from msgspec.structs import replace

from pipeline.contract import load_contract
from pipeline.elements import RawMessage
from pipeline.errors import Rejected
from pipeline.json_text import has_no_equal_keys
from pipeline.parse import Parser

_TURN = 500
_START = datetime(2024, 5, 1, tzinfo=UTC)
_START_US = int(_START.timestamp()) * 1_000_000


def valid_messages(count: int, seed: int) -> list[RawMessage]:
    """Return `count` messages of the three event types, about 436 bytes each, the same for a seed."""
    chance = random.Random(seed)
    makers = (_order, _order, _order, _inventory, _activity)
    messages = []
    for number in range(count):
        seen = _START + timedelta(milliseconds=200 * number)
        event_type, event = chance.choice(makers)(chance, number, seen.isoformat(timespec="milliseconds"))
        attributes = {"event_type": event_type, "event_id": f"{chance.getrandbits(128):032x}"}
        payload = orjson.dumps(event)
        messages.append(RawMessage(payload, attributes, str(number), _START_US + 200_000 * number))
    return messages


def invalid_messages(messages: Sequence[RawMessage], seed: int) -> list[RawMessage]:
    """Return the same messages, each with one fault."""
    chance = random.Random(seed)
    return [replace(message, payload=_broken(chance, message.payload)) for message in messages]


def _broken(chance: random.Random, payload: bytes) -> bytes:
    event: dict[str, Any] = orjson.loads(payload)
    fault = chance.randrange(5)
    name = chance.choice(sorted(event.keys() - {"user_id", "metadata", "shipping_address"}))
    if fault == 0:
        del event[name]
    elif fault == 1:
        event[name] = {"unexpected": True}
    elif fault == 2:
        event["surprise"] = 1
    elif fault == 3:
        event["order_date" if "order_date" in event else "timestamp"] = "yesterday"
    else:
        return payload[:-1]
    return orjson.dumps(event)


def _order(chance: random.Random, number: int, seen: str) -> tuple[str, dict[str, Any]]:
    items = [
        {
            "product_id": f"P{chance.randrange(10_000):05d}",
            "product_name": chance.choice(("Espresso cup", "Kettle, 1.7 l", "Crêpe pan", "Tea towel")),
            "category": chance.choice(("kitchen", "home", "garden")),
            "quantity": chance.randint(1, 5),
            "unit_price": round(chance.uniform(1, 200), 2),
        }
        for _ in range(chance.randint(1, 4))
    ]
    return "order", {
        "order_id": f"O{number:09d}",
        "customer_id": f"C{chance.randrange(50_000):06d}",
        "order_date": seen,
        "status": chance.choice(("pending", "processing", "shipped", "delivered")),
        "total_amount": round(sum(item["quantity"] * item["unit_price"] for item in items), 2),  # type: ignore[operator, misc]
        "items": items,
        "shipping_address": {
            "street": f"{chance.randrange(1, 300)} Main Street",
            "city": chance.choice(("Köln", "Porto", "Lyon")),
            "state": None,
            "postal_code": f"{chance.randrange(100_000):05d}",
            "country": chance.choice(("DE", "PT", "FR")),
        },
    }


def _inventory(chance: random.Random, number: int, seen: str) -> tuple[str, dict[str, Any]]:
    return "inventory", {
        "inventory_id": f"I{number:09d}",
        "product_id": f"P{chance.randrange(10_000):05d}",
        "warehouse_id": f"W{chance.randrange(20):02d}",
        "quantity_change": chance.choice((-3, -2, -1, 40)),
        "reason": chance.choice(("restock", "sale", "return", "damage")),
        "timestamp": seen,
    }


def _activity(chance: random.Random, number: int, seen: str) -> tuple[str, dict[str, Any]]:
    return "user_activity", {
        "user_id": f"C{chance.randrange(50_000):06d}",
        "activity_type": chance.choice(("login", "logout", "view_product", "add_to_cart")),
        "timestamp": seen,
        "metadata": {
            "session_id": f"{chance.getrandbits(64):016x}",
            "product_id": f"P{chance.randrange(10_000):05d}",
            "category": "kitchen",
            "price": round(chance.uniform(1, 200), 2),
            "quantity": 1,
            "user_segment": "returning",
            "device_type": chance.choice(("phone", "desktop")),
            "browser": "Firefox",
            "geo_country": "DE",
            "geo_city": "Köln",
            "referrer": "https://search.example/",
            "campaign_id": "spring",
        },
    }


def _parse_all(parser: Parser, messages: Sequence[RawMessage]) -> int:
    """Parse `messages` and return how many were refused."""
    refused = 0
    for message in messages:
        try:
            _ = parser.parse(message, _START_US).row
        except Rejected:
            refused += 1
    return refused


def _validate_all(parser: Parser, messages: Sequence[RawMessage]) -> None:
    for message in messages:
        parser.parse(message, _START_US)


def _load_all(messages: Sequence[RawMessage]) -> None:
    for message in messages:
        orjson.loads(message.payload)


def _load_all_and_look_for_equal_keys(messages: Sequence[RawMessage]) -> None:
    for message in messages:
        payload = message.payload
        data = orjson.loads(payload)
        if orjson.dumps(data) != payload and not has_no_equal_keys(payload, data):
            raise AssertionError("a valid message has a duplicate key")


def _us_each(work: Callable[[Sequence[RawMessage]], object], messages: Sequence[RawMessage]) -> float:
    start = time.process_time_ns()
    work(messages)
    return (time.process_time_ns() - start) / len(messages) / 1_000


def measure(count: int, repetitions: int, seed: int) -> dict[str, Any]:
    """Return the medians in µs of CPU an event, and their ratios to `orjson.loads`."""
    parser = Parser(load_contract())
    messages = valid_messages(count, seed)
    rejects = invalid_messages(messages, seed)
    spaced = [
        replace(message, payload=json.dumps(orjson.loads(message.payload)).encode()) for message in messages
    ]
    nameless = [
        replace(message, attributes={"event_type": message.attributes["event_type"]}) for message in messages
    ]
    if _parse_all(parser, messages) or _parse_all(parser, rejects) != count:
        raise AssertionError("the benchmark's messages are not what it calls them")
    work: dict[str, tuple[Callable[[Sequence[RawMessage]], object], Sequence[RawMessage]]] = {
        "orjson.loads alone": (_load_all, messages),
        "orjson.loads, duplicate keys, surrogates": (_load_all_and_look_for_equal_keys, messages),
        "parse and validate": (partial(_validate_all, parser), messages),
        "parse to row": (partial(_parse_all, parser), messages),
        "parse to row, Python's json.dumps spelling": (partial(_parse_all, parser), spaced),
        "parse to row, id derived from content": (partial(_parse_all, parser), nameless),
        "all rejects, all errors listed": (partial(_parse_all, parser), rejects),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for repetition in range(repetitions):
        for start in range(0, count, _TURN):
            for name, (run, given) in work.items():
                times[name].append(_us_each(run, given[start : start + _TURN]))
        print(f"repetition {repetition + 1} of {repetitions}", file=sys.stderr)
    alone = times["orjson.loads alone"]
    return {
        "payload_bytes": statistics.fmean(len(message.payload) for message in messages),
        "steps": {
            name: {
                "us": statistics.median(us),
                "ratio": statistics.median(base / mine for base, mine in zip(alone, us, strict=True)),
            }
            for name, us in times.items()
        },
    }


def measure_versions(count: int, repetitions: int, seed: int) -> dict[str, float]:
    """Return the median µs of CPU from a message to its row, for user_activity of each schema version."""
    parser, chance = Parser(load_contract()), random.Random(seed)
    events = []
    for number in range(count):
        seen = (_START + timedelta(milliseconds=200 * number)).isoformat(timespec="milliseconds")
        events.append(_activity(chance, number, seen)[1])
    streams = {
        "version 3, the current one": ("3", events),
        "version 2": ("2", [_flat(event, _VERSION_2) for event in events]),
        "version 1": ("1", [_flat(event, _VERSION_1) for event in events]),
    }
    messages = {
        name: [
            RawMessage(orjson.dumps(event), _said(version, number), str(number), _START_US + 200_000 * number)
            for number, event in enumerate(stream)
        ]
        for name, (version, stream) in streams.items()
    }
    inside = [
        replace(
            message,
            payload=b'{"schema_version":1,' + message.payload[1:],
            attributes={"event_type": "user_activity", "event_id": message.attributes["event_id"]},
        )
        for message in messages["version 1"]
    ]
    messages["version 1, said in the payload"] = inside
    if sum(_parse_all(parser, stream) for stream in messages.values()):
        raise AssertionError("the benchmark's messages are not what it calls them")
    times: dict[str, list[float]] = {name: [] for name in messages}
    for _ in range(repetitions):
        for start in range(0, count, _TURN):
            for name, stream in messages.items():
                times[name].append(_us_each(partial(_parse_all, parser), stream[start : start + _TURN]))
    return {name: statistics.median(us) for name, us in times.items()}


_VERSION_1 = ("product_id", "price")
_VERSION_2 = (*_VERSION_1, "session_id", "category", "quantity", "user_segment")


def _flat(event: dict[str, Any], details: Sequence[str]) -> dict[str, Any]:
    """Return an event of version 3 as versions 1 and 2 would have it."""
    head = {"user_id": event["user_id"], "event_type": event["activity_type"]}
    return {**head, **{name: event["metadata"][name] for name in details}, "event_time": event["timestamp"]}


def _said(version: str, number: int) -> dict[str, str]:
    return {"event_type": "user_activity", "event_id": f"{number:032x}", "schema_version": version}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    flags.add_argument("--events", type=int, default=20_000, help="messages per measurement")
    flags.add_argument("--repetitions", type=int, default=7, help="medians are taken over these")
    flags.add_argument("--seed", type=int, default=1, help="the same seed makes the same messages")
    chosen = flags.parse_args(arguments)
    if min(chosen.events, chosen.repetitions) < 1:
        flags.error("--events and --repetitions must be 1 or more")
    result = measure(chosen.events, chosen.repetitions, chosen.seed)
    print(f"{chosen.events:,} messages of {result['payload_bytes']:.0f} bytes, one core, medians")
    print(f"{'':44}{'µs/event':>10}{'events/s':>12}{'of orjson':>11}")
    for name, figures in result["steps"].items():
        print(f"{name:44}{figures['us']:10.2f}{1e6 / figures['us']:12,.0f}{figures['ratio']:11.2f}")
    steps = result["steps"]
    strict_us = steps["orjson.loads, duplicate keys, surrogates"]["us"] - steps["orjson.loads alone"]["us"]
    for whole in ("parse and validate", "parse to row"):
        share = strict_us / steps[whole]["us"]
        print(f"duplicate keys and surrogates: {strict_us:.2f} µs, {share:.1%} of {whole}")
    versions = measure_versions(chosen.events, chosen.repetitions, chosen.seed)
    print("user_activity to row, by schema version")
    current_us = next(iter(versions.values()))
    for name, us in versions.items():
        print(f"{name:44}{us:10.2f}{1e6 / us:12,.0f}{current_us / us:11.0%}")


if __name__ == "__main__":
    main()
