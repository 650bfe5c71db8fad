"""Dead letters of every shape, put where the pipeline puts them: table, lake and DLQ topic."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from unittest import mock

from pipeline.elements import DeadLetter, RawMessage
from pipeline.errors import ContractError
from pipeline.objects import write_object
from pipeline.publishing import publish
from pipeline.tables import Tables
from pipeline.transforms.dead_letters import dead_letter_message, dead_letter_row, payload_uri
from tests.endtoend.plant import Plant

Message = tuple[bytes, dict[str, str]]

FAILED_US = 1_772_445_851_000_000  # 2026-03-02T10:04:11Z
ERROR = ContractError("/status", "enum", "status must be one of …")


def message(number: int) -> Message:
    """The original of a letter; of every ten, some are not UTF-8, long, or have full attributes."""
    attributes = {"event_type": "order", "event_id": f"e{number}", "trace": "ß" * (number % 5)}
    payload = b'{"number": %d, "status":"lost" }' % number  # not as orjson would write it
    if number % 10 == 1:
        payload = b"\xff\xfe\x00" + payload
    elif number % 10 == 2:
        payload = payload[:-1] + b',"text":"' + b"x" * 2_500 + b'"}'
    elif number % 10 == 3:
        attributes |= {f"key{position}": str(number) for position in range(97)}
    elif number % 10 == 4:
        attributes |= {"topic": "t", "data": "d", "timeout": "0", "retry": "no", "self": "s"}
    elif number == 5:
        payload = b'{"text":"' + b"y" * 1_200_000 + b'"}'
    elif number == 15:
        payload = b"\xff" * 9_899_900  # beside what the queue adds to it, too large for a message
    return payload, attributes


def letter(number: int, original: Message | None = None, reason: str = "invalid_value") -> DeadLetter:
    """The letter that the pipeline makes of a message."""
    payload, attributes = original or message(number)
    raw = RawMessage(payload, attributes, f"m{number}", FAILED_US - 1_000_000)
    return DeadLetter(raw, "parse", reason, (ERROR,), "order", FAILED_US)


def keep(plant: Plant, letters: Sequence[DeadLetter]) -> None:
    """Do what KeepDeadLetters does."""
    with mock.patch.dict(os.environ, plant.stack.environment):
        for part in _parts(letters):
            rows, messages = [], []
            for each in part:
                uri = payload_uri(each, plant.lake)
                if uri is not None:
                    write_object(uri, each.message.payload)
                rows.append(dead_letter_row(each, uri))
                messages.append(dead_letter_message(each, uri))
            Tables(plant.dataset, plant.lake).write("dead_letters", rows)
            publish(plant.dlq_topic, messages)


def _parts(letters: Sequence[DeadLetter]) -> Iterator[Sequence[DeadLetter]]:
    for start in range(0, len(letters), 250):
        yield letters[start : start + 250]


def identity(payload: bytes, attributes: Mapping[str, str]) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """What must be the same before and after: all bytes, and all attributes but the mark."""
    kept = {name: value for name, value in attributes.items() if name != "replay_count"}
    return payload, tuple(sorted(kept.items()))
