"""From a dead letter to the message that is published, or to the reason why it is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from apache_beam.io.filesystem import BeamIOError
from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound

from pipeline.elements import REPLAYED_STAGE
from pipeline.envelope import derived_id
from pipeline.errors import PipelineError, Rejected, in_one_line
from pipeline.files import open_file
from pipeline.json_text import read_object
from pipeline.publishing import OutgoingMessage
from pipeline.replay.letters import Letter
from pipeline.replay.marks import marked, sha256_hex, unpublishable
from pipeline.replay.repair import RepairFailed, repair
from pipeline.replay.rules import Rule
from pipeline.replay.warehouse import Warehouse

BEYOND_MAX_REPLAYS = "beyond --max_replays"
INCOMPLETE = "incomplete: bytes or attributes cannot be had"
UNREPAIRED = "no rule has changed it"
REPAIR_FAILED = "a rule could not be carried out"
UNPUBLISHABLE = "beyond Pub/Sub's limits"


class Choice(NamedTuple):
    """What is to be done with letters."""

    rules: tuple[Rule, ...]
    only_repaired: bool
    max_replays: int


class Prepared(NamedTuple):
    """A message ready to be published."""

    letter: Letter
    message: OutgoingMessage
    replay_count: int
    repaired: bool
    original_sha256: str


class Left(NamedTuple):
    """A letter that is not published."""

    letter: Letter
    why: str
    """One of the constants above."""
    detail: str
    """What exactly, or empty."""


def prepare(
    letters: Sequence[Letter], counts: Mapping[str, int], warehouse: Warehouse, choice: Choice
) -> Iterator[Prepared | Left]:
    """Yield for each letter what becomes of it; a payload in the lake is read when its turn comes.

    `counts` say how often a message had been replayed, by message_id, where that is known.
    Raises as Warehouse.ask.
    """
    cut = warehouse.attributes_of(letter.dead_letter_id for letter in letters if letter.attributes is None)
    for letter in letters:
        count = max(letter.replay_count, counts.get(letter.message_id or "", 0)) + 1
        if count > choice.max_replays:
            yield Left(letter, BEYOND_MAX_REPLAYS, "")
            continue
        attributes, uri, size = letter.attributes, letter.payload_uri, letter.payload_bytes
        if attributes is None:
            if letter.dead_letter_id not in cut:
                yield Left(letter, INCOMPLETE, f"dead_letters has no row {letter.dead_letter_id}")
                continue
            attributes, uri, size = cut[letter.dead_letter_id]
        try:
            payload = letter.payload if letter.payload is not None else _fetch(uri)
        except _CannotBeHad as error:
            yield Left(letter, INCOMPLETE, f"{uri}: {error}")
            continue
        if size is not None and len(payload) != size:
            yield Left(letter, INCOMPLETE, f"it has {len(payload):,} bytes of {size:,}")
            continue
        yield _made(letter, payload, attributes, count, choice)


class _CannotBeHad(Exception):
    """An object is not there, or not for us."""


def _fetch(uri: str | None) -> bytes:
    """The bytes of an object; raises _CannotBeHad, or PipelineError if the lake cannot be reached."""
    if uri is None:
        raise _CannotBeHad("nothing says where the payload lies")
    try:
        with open_file(uri) as opened:
            return opened.read()
    except (OSError, BeamIOError, NotFound, Forbidden) as error:
        raise _CannotBeHad(in_one_line(error)) from error
    except GoogleAPIError as error:
        raise PipelineError(f"{uri} cannot be read: {in_one_line(error)}") from error


def _made(
    letter: Letter, payload: bytes, attributes: Mapping[str, str], count: int, choice: Choice
) -> Prepared | Left:
    try:
        repaired = repair(payload, attributes, letter.labels, choice.rules)
    except RepairFailed as failure:
        return Left(letter, REPAIR_FAILED, str(failure))
    if choice.only_repaired and not repaired.changed:
        return Left(letter, UNREPAIRED, "")
    original = sha256_hex(payload)
    sha256 = original if repaired.changed else None
    message = marked(repaired.payload, repaired.attributes, count, letter.stage, sha256)
    problem = unpublishable(message)
    if problem is not None:
        return Left(letter, UNPUBLISHABLE, problem + _how_to_mend(message))
    return Prepared(letter, message, count, repaired.changed, original)


def _how_to_mend(message: OutgoingMessage) -> str:
    if REPLAYED_STAGE not in message.attributes:
        return ""
    return f", {REPLAYED_STAGE} included, without which it is a duplicate: drop an attribute with a rule"


def event_of(message: OutgoingMessage) -> tuple[str | None, str | None]:
    """Return type and id under which the event will stand in its table, as far as the message says them."""
    try:
        fields: Mapping[str, Any] = read_object(message.data)[0]
    except Rejected:
        fields = {}
    event_type = message.attributes.get("event_type", fields.get("event_type"))
    event_id = message.attributes.get("event_id", fields.get("event_id"))
    if event_id is None and fields:
        event_id = derived_id(dict(fields))
    return (
        event_type if isinstance(event_type, str) else None,
        event_id if isinstance(event_id, str) else None,
    )
