"""The input files, from the project's generator: the same seed gives the same bytes.

A plain line is what a user has: the event with its type, id and version inside. An envelope line is what
the archive has: payload in base64, attributes, message id and publish time.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import orjson

from generator.file_sink import EnvelopeLines
from generator.instants import instant_us
from generator.messages import Message
from generator.options import DEFAULT_START
from generator.simulation import Plan, Simulation
from pipeline.contract import load_contract

EVENTS_PER_SECOND = 20.0
"""Of the shop: 1,500,000 events are 21 hours of it."""
FILE_EVENTS = 150_000
"""About 64 MB of plain lines."""
DUPLICATE_SHARE = 0.02
LATE_SHARE = 0.01
INVALID_SHARE = 0.0552
"""With two of some twenty faults left out of plain lines, 5 % of them are invalid."""
NOT_IN_A_LINE = frozenset({"empty_payload", "future_event_time"})
"""Faults that no plain line can have: a blank line is no event, and without a publish time no event time
is in the future."""
FORMS = ("plain", "envelope")
MANIFEST = "manifest.json"


class Expected(NamedTuple):
    """What the generator has put into a set of files."""

    events: int
    rejected: int
    duplicates: int
    rows: dict[str, int]
    """Valid events by type, each once."""
    by_fault: dict[str, int]
    bytes: int
    """Of the files."""

    @property
    def accepted(self) -> int:
        """Valid events, each once."""
        return sum(self.rows.values())


class InputSet(NamedTuple):
    """Files, and what is in them."""

    pattern: str
    """A glob."""
    expected: Expected


def make(folder: Path, events: int, form: str = "plain", *, all_invalid: bool = False) -> InputSet:
    """Write `events` lines into files in `folder`, which is created; raises OSError when the disk is full."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "jsonl.gz" if form == "envelope" else "jsonl"
    messages = _messages(form, all_invalid)
    line_of = EnvelopeLines() if form == "envelope" else _plain_line
    rows: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    duplicates = written = 0
    for number, start in enumerate(range(0, events, FILE_EVENTS)):
        with _open(folder / f"part-{number:05}.{suffix}") as file:
            for message in islice(messages, min(FILE_EVENTS, events - start)):
                file.write(line_of(message))
                if message.fault is not None:
                    faults[message.fault.name] += 1
                elif message.is_duplicate:
                    duplicates += 1
                else:
                    rows[message.event_type] += 1
        written += (folder / f"part-{number:05}.{suffix}").stat().st_size
    expected = Expected(
        events, faults.total(), duplicates, dict(sorted(rows.items())), dict(sorted(faults.items())), written
    )
    (folder / MANIFEST).write_text(json.dumps(expected._asdict(), indent=2) + "\n")
    return InputSet(f"{folder}/part-*.{suffix}", expected)


def find(folder: Path) -> InputSet | None:
    """The set that `make` has written into `folder`, or None."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        return None
    (suffix,) = {each.name.partition(".")[2] for each in folder.glob("part-*")}
    return InputSet(f"{folder}/part-*.{suffix}", Expected(**json.loads(manifest.read_text())))


def _messages(form: str, all_invalid: bool) -> Iterator[Message]:
    plan = Plan(
        start_us=instant_us(DEFAULT_START),
        rate=EVENTS_PER_SECOND,
        malformed_share=1.0 if all_invalid else INVALID_SHARE,
        duplicate_share=0.0 if all_invalid else DUPLICATE_SHARE,
        late_share=0.0 if all_invalid else LATE_SHARE,
    )
    for message in Simulation(plan, load_contract()).messages():
        if form == "envelope" or message.fault is None or message.fault.name not in NOT_IN_A_LINE:
            yield message


def _plain_line(message: Message) -> bytes:
    """What is only in attributes goes to the front of the object."""
    payload, attributes = message.payload, message.attributes
    if attributes and payload.startswith(b"{"):
        head: dict[str, Any] = {**attributes, "schema_version": int(attributes["schema_version"])}
        payload = orjson.dumps(head)[:-1] + b"," + payload[1:]
    return payload + b"\n"


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "wb", compresslevel=4))
    return path.open("wb", buffering=1 << 20)


def free_bytes(folder: Path) -> int:
    """Of the disk that `folder`, or what there is of its path, lies on."""
    while not folder.exists():
        folder = folder.parent
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
