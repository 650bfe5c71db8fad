"""The dead-letter queue: every refused message, byte for byte, in a table and on a topic."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import apache_beam as beam
import orjson
from apache_beam.metrics import Metrics

from pipeline import __version__
from pipeline.bigquery_rows import Row
from pipeline.bigquery_sink import CountInserts
from pipeline.chunks import Chunk, GatherChunks
from pipeline.elements import REPLAY_COUNT, REPLAYED_STAGE, DeadLetter
from pipeline.errors import ContractError
from pipeline.json_text import MAX_ERRORS
from pipeline.objects import write_object
from pipeline.outages import OUTAGES, tell_outages
from pipeline.publishing import MAX_MESSAGE_BYTES, OutgoingMessage, publish
from pipeline.rfc3339 import format_rfc3339
from pipeline.rows import content_id
from pipeline.tables import Tables

MAX_PAYLOAD_IN_ROW_BYTES = 1_000_000
"""A larger payload goes to the lake: BigQuery's rows and requests end at 10 MB."""
STORED_AT_ONCE = 2_000
"""Letters: each time is a request or an object, which takes the same for more of them."""
MAX_ERRORS_IN_ROW = MAX_ERRORS + 1
"""All that the parser lists, with its remark that there are more."""
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_VALUE_BYTES = 1_024
ORIGINAL_PREFIX = "original_"
CACHED_PATHS = 8
"""Paths of a letter up to which its fingerprint is remembered; most letters have one."""


class DeadLetterSettings(NamedTuple):
    """Where dead letters go."""

    tables: Tables
    topic: str | None
    """None: the table alone."""

    @property
    def root(self) -> str:
        """The lake, for payloads too large for a row."""
        return self.tables.root


class KeepOutputs(NamedTuple):
    """What comes out of KeepDeadLetters."""

    letters: dict[str, beam.PCollection]
    """list[DeadLetter] of each stage, each list once table and topic have it."""
    outages: beam.PCollection
    """list[Alert]: that the table takes no rows, or takes them again."""


class KeepDeadLetters(beam.PTransform):
    """Keep refused messages: in the table `dead_letters` with all errors, and on the DLQ topic.

    Input: a PCollection of list[DeadLetter] for each stage that refuses, by a name for it.
    Output: KeepOutputs.
    Raises in the bundle whatever the table or the topic refuse: then nothing is acknowledged.
    """

    def __init__(self, settings: DeadLetterSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, stages: Mapping[str, beam.PCollection]) -> KeepOutputs:
        # Not flattened: a batch runner would write all of them to its memory first.
        kept = {stage: letters | stage >> _Keep(self.settings) for stage, letters in stages.items()}
        outages = [outputs.outages for outputs in kept.values()] | "AllOutages" >> beam.Flatten()
        return KeepOutputs({stage: outputs.letters for stage, outputs in kept.items()}, outages)


class _KeepOutputs(NamedTuple):
    letters: beam.PCollection
    outages: beam.PCollection


class _Keep(beam.PTransform):
    def __init__(self, settings: DeadLetterSettings) -> None:
        super().__init__()
        self.settings = settings

    def expand(self, dead_letters: beam.PCollection) -> _KeepOutputs:
        settings = self.settings
        store = beam.ParDo(_Store(settings)).with_output_types(Chunk, outages=Chunk)
        gathered = dead_letters | "GatherChunks" >> GatherChunks(STORED_AT_ONCE, _payload_bytes)
        stored = gathered | "Store" >> store.with_outputs(OUTAGES, main="stored")
        publish_them = beam.ParDo(_Publish(settings)).with_output_types(Chunk)
        return _KeepOutputs(stored["stored"] | "Publish" >> publish_them, stored[OUTAGES])


def _payload_bytes(letter: DeadLetter) -> int:
    return len(letter.message.payload)


def dead_letter_id(letter: DeadLetter) -> str:
    """The same for the same refusal of the same message, however often it is delivered."""
    message = letter.message
    # A file may name a message at any length; the queue knows what an attribute holds of that.
    known = cut_to_bytes(message.message_id or "", MAX_ATTRIBUTE_VALUE_BYTES)
    identity = known or hashlib.sha256(message.payload).hexdigest()
    return content_id((identity, letter.stage, letter.reason, replay_count(letter)))


def fingerprint(letter: DeadLetter) -> str:
    """What letters of one cause have in common: stage, reason and paths, whatever the index in an array."""
    paths = tuple({error.path for error in letter.errors})
    # A thousand paths of a thousand characters would stay in the cache for a megabyte.
    known = _known_fingerprint if len(paths) <= CACHED_PATHS else _fingerprint
    return known(letter.stage, letter.reason, paths)


def _fingerprint(stage: str, reason: str, paths: tuple[str, ...]) -> str:
    patterns = {"/".join("*" if step.isdigit() else step for step in path.split("/")) for path in paths}
    return content_id((stage, reason, *sorted(patterns)))[:16]


_known_fingerprint = lru_cache(maxsize=4_096)(_fingerprint)


def replay_count(letter: DeadLetter) -> int:
    """How often the message has been replayed, as its attributes say."""
    attributes = letter.message.attributes
    # Of 100 attributes there may be room for one of the two.
    text = attributes.get(REPLAY_COUNT) or attributes.get(REPLAYED_STAGE, "").rpartition(":")[2]
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else 0


def payload_uri(letter: DeadLetter, root: str) -> str | None:
    """Where a payload too large for a row lies, or None for one that is not."""
    if len(letter.message.payload) <= MAX_PAYLOAD_IN_ROW_BYTES:
        return None
    date = format_rfc3339(letter.message.publish_time_us or letter.failed_at_us)[:10]
    return f"{root}/dead_letters/date={date}/{dead_letter_id(letter)}.bin"


def dead_letter_row(letter: DeadLetter, uri: str | None) -> Row:
    """The row of `dead_letters`."""
    message = letter.message
    key = dead_letter_id(letter)
    published_us = message.publish_time_us
    columns = {
        "dead_letter_id": key,
        "stage": letter.stage,
        "reason": letter.reason,
        "error_count": len(letter.errors),
        "errors": [error._asdict() for error in letter.errors[:MAX_ERRORS_IN_ROW]],
        "event_type": letter.event_type,
        "message_id": message.message_id,
        "publish_time": None if published_us is None else format_rfc3339(published_us),
        "failed_at": format_rfc3339(letter.failed_at_us),
        "pipeline_version": __version__,
        "replay_count": replay_count(letter),
        "fingerprint": fingerprint(letter),
        "attributes": [{"key": name, "value": value} for name, value in sorted(message.attributes.items())],
        "payload": None if uri else base64.b64encode(message.payload).decode(),
        "payload_uri": uri,
        "payload_bytes": len(message.payload),
    }
    return Row(key, orjson.dumps({name: value for name, value in columns.items() if value is not None}))


def dead_letter_message(letter: DeadLetter, uri: str | None) -> OutgoingMessage:
    """The message for the DLQ topic: the original bytes, and attributes that say what is wrong.

    If bytes and attributes together exceed what Pub/Sub takes, first the original attributes go, then
    the bytes, which lie under the attribute `payload_uri`.
    """
    message = letter.message
    published_us = message.publish_time_us
    ours = {
        "stage": letter.stage,
        "reason": letter.reason,
        "error_count": str(len(letter.errors)),
        "errors": _errors_that_fit(letter),
        "event_type": letter.event_type,
        "message_id": message.message_id,
        "publish_time": None if published_us is None else format_rfc3339(published_us),
        "failed_at": format_rfc3339(letter.failed_at_us),
        "pipeline_version": __version__,
        REPLAY_COUNT: str(replay_count(letter)),
        "fingerprint": fingerprint(letter),
        "payload_uri": uri,
    }
    attributes = {
        name: cut_to_bytes(value, MAX_ATTRIBUTE_VALUE_BYTES)
        for name, value in ours.items()
        if value is not None
    }
    originals = _originals_that_fit(message.attributes, MAX_ATTRIBUTES - len(attributes) - 1)
    if len(originals) < len(message.attributes):
        attributes["attributes_truncated"] = "true"
    whole = OutgoingMessage(message.payload, {**attributes, **originals})
    if _message_bytes(whole) <= MAX_MESSAGE_BYTES:
        return whole
    attributes["attributes_truncated"] = "true"
    without_originals = OutgoingMessage(message.payload, attributes)
    if _message_bytes(without_originals) <= MAX_MESSAGE_BYTES:
        return without_originals
    return OutgoingMessage(b"", attributes)


def cut_to_bytes(text: str, limit: int) -> str:
    """The longest beginning of `text` that has at most `limit` bytes of UTF-8."""
    encoded = text.encode()
    return text if len(encoded) <= limit else encoded[:limit].decode(errors="ignore")


def _errors_that_fit(letter: DeadLetter) -> str:
    """As many errors as an attribute holds, as a JSON array; the first one is cut if it alone is too long."""
    kept: list[bytes] = []
    room = MAX_ATTRIBUTE_VALUE_BYTES - 2
    for error in letter.errors:
        encoded = orjson.dumps(error._asdict())
        if len(encoded) + 1 > room:
            break
        kept.append(encoded)
        room -= len(encoded) + 1
    if not kept and letter.errors:
        kept = [_cut_error(letter.errors[0], room)]
    return (b"[" + b",".join(kept) + b"]").decode()


def _cut_error(error: ContractError, room: int) -> bytes:
    """The error as JSON of at most `room` bytes."""
    # How long a text is in JSON depends on its characters: a control character has six bytes there.
    for limit in (300, 100, 50):
        encoded = orjson.dumps({name: cut_to_bytes(text, limit) for name, text in error._asdict().items()})
        if len(encoded) <= room:
            break
    return encoded


def _originals_that_fit(attributes: Mapping[str, str], most: int) -> dict[str, str]:
    fitting: dict[str, str] = {}
    for name, value in sorted(attributes.items()):
        key = ORIGINAL_PREFIX + name
        if len(fitting) == most:
            break
        if len(key.encode()) <= MAX_ATTRIBUTE_KEY_BYTES and len(value.encode()) <= MAX_ATTRIBUTE_VALUE_BYTES:
            fitting[key] = value
    return fitting


def _message_bytes(message: OutgoingMessage) -> int:
    return len(message.data) + sum(
        len(name.encode()) + len(value.encode()) + 16 for name, value in message.attributes.items()
    )


class _Store(beam.DoFn):
    def __init__(self, settings: DeadLetterSettings) -> None:
        self.settings = settings
        self.metrics = CountInserts()

    def process(self, letters: list[DeadLetter]) -> Iterator[Any]:
        rows = []
        for letter in letters:
            uri = payload_uri(letter, self.settings.root)
            if uri is not None:
                write_object(uri, letter.message.payload)
            rows.append(dead_letter_row(letter, uri))
        report = self.settings.tables.write("dead_letters", rows)
        self.metrics.count(len(rows), report)
        yield letters
        yield from tell_outages(report)


class _Publish(beam.DoFn):
    def __init__(self, settings: DeadLetterSettings) -> None:
        self.settings = settings

    def process(self, letters: list[DeadLetter]) -> Iterator[list[DeadLetter]]:
        if self.settings.topic is not None:
            publish(
                self.settings.topic,
                [dead_letter_message(letter, payload_uri(letter, self.settings.root)) for letter in letters],
            )
        for reason, number in Counter([letter.reason for letter in letters]).items():
            Metrics.counter("dead_letters", reason).inc(number)
        yield letters
