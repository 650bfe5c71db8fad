"""Reading what was published from files: the raw archive, or whatever a backfill reads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from pipeline.elements import RawMessage
from pipeline.errors import Rejected
from pipeline.files import InputFile, cut_into_ranges, read_chunks
from pipeline.parse import Parser
from pipeline.reconcile.scratch import Message
from pipeline.transforms.quality import UNKNOWN


def read_published(
    files: Sequence[InputFile], parser: Parser, seen: Callable[[int], None]
) -> Iterator[list[Message]]:
    """The messages of the files, a chunk at a time; `seen` is told how many are in each.

    The parser is the pipeline's own, so that type and id of an event are what the pipeline takes them for.
    Raises FileDamaged, AvroFileError, or OSError if a file cannot be read.
    """
    numbers = itertools.count(1)
    for byte_range in cut_into_ranges(files):
        for messages, _ in read_chunks(byte_range):
            seen(len(messages))
            yield [identified(each, parser, numbers) for each in messages]


def identified(message: RawMessage, parser: Parser, numbers: Iterator[int]) -> Message:
    """What a message is; one without an id of its own is named by its file and a number."""
    is_named = message.message_id is not None
    message_id = message.message_id or _without_id(message, next(numbers))
    try:
        event = parser.parse(message, 0)
    except Rejected as refusal:
        return Message(message_id, refusal.event_type or UNKNOWN, None, message.publish_time_us, is_named)
    return Message(message_id, event.event_type, event.event_id, event.publish_time_us, is_named)


def _without_id(message: RawMessage, number: int) -> str:
    # A file of this machine may have any bytes for a name, and SQLite takes text alone.
    path = message.read_from.path if message.read_from else "a file"
    return f"{path.encode('utf-8', 'backslashreplace').decode()}, number {number} without an id"
