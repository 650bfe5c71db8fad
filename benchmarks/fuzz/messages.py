"""Targets that read messages: the parser, the dead letters it leads to, and the letters' way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import orjson
from msgspec.structs import replace

from benchmarks.fuzz.mutation import SEPARATOR
from pipeline.contract import load_contract
from pipeline.elements import DeadLetter, RawMessage
from pipeline.errors import ContractError, Rejected
from pipeline.json_text import MAX_ERRORS
from pipeline.parse import Parser
from pipeline.publishing import MAX_MESSAGE_BYTES
from pipeline.replay.letters import NoDeadLetter, letter_of_message
from pipeline.rfc3339 import MAX_US, MIN_US
from pipeline.transforms.dead_letters import dead_letter_message, dead_letter_row
from pipeline.wording import MAX_POINTER_CHARACTERS

CONTRACT = load_contract()
NOW_US = 1_714_564_805_000_005
MAX_ERROR_CHARACTERS = 2_000
"""Of one error's sentence: it quotes sixty of a value, and lists what the contract allows."""
_LAKE = "gs://bucket"


def raw_message(data: bytes, published_us: int | None = NOW_US) -> RawMessage:
    """The message in an input: attributes as `key=value` lines, SEPARATOR, payload; or the payload alone."""
    head, separator, payload = data.partition(SEPARATOR)
    if not separator:
        return RawMessage(data, {}, "m1", published_us)
    lines = head.decode(errors="replace").split("\n")
    pairs = (line.partition("=") for line in lines if line)
    return RawMessage(payload, {key: value for key, _, value in pairs}, "m1", published_us)


def parse(unknown_fields: Literal["reject", "drop"]) -> Callable[[bytes], str]:
    """The parser: a row or a reason, never anything else, and the quick way as the thorough one."""
    parser = Parser(CONTRACT, unknown_fields=unknown_fields)

    def run(data: bytes) -> str:
        return judged(parser, raw_message(data))

    return run


def judged(parser: Parser, message: RawMessage) -> str:
    """Parse, and hold the outcome to what is promised of it."""
    quick = parser._read_quickly(message, NOW_US)
    if quick is not None:
        thorough = parser._judge(message, NOW_US)
        assert orjson.loads(quick.columns) == orjson.loads(thorough.columns), (
            "the quick way makes another row"
        )
        quick = replace(quick, columns=thorough.columns)
        assert quick == thorough, "the quick way reads another event than the thorough one"
    try:
        event = parser.parse(message, NOW_US)
    except Rejected as refused:
        check_refusal(message, refused)
        return refused.reason
    row = orjson.loads(event.row)
    assert row["event_id"] == event.event_id
    assert 1 <= len(event.event_id) <= 128
    assert MIN_US <= event.event_time_us <= MAX_US
    return "accepted"


def check_refusal(message: RawMessage, refused: Rejected) -> None:
    """Hold a refusal and its dead letter to their limits."""
    assert 1 <= len(refused.errors) <= MAX_ERRORS + 1
    for error in refused.errors:
        assert len(error.path) <= MAX_POINTER_CHARACTERS + 200
        assert len(error.message) <= MAX_ERROR_CHARACTERS, error.message
    check_letter(DeadLetter(message, "parse", refused.reason, refused.errors, refused.event_type, NOW_US))


def check_letter(letter: DeadLetter) -> None:
    """Build row and message of a dead letter, read the message back, and hold both to their limits."""
    uri = f"{_LAKE}/dead_letters/x.bin" if len(letter.message.payload) > 1_000_000 else None
    row = orjson.loads(dead_letter_row(letter, uri).json)
    sent = dead_letter_message(letter, uri)
    assert len(sent.attributes) <= 100
    for name, value in sent.attributes.items():
        assert 1 <= len(name.encode()) <= 256
        assert len(value.encode()) <= 1_024
    size = len(sent.data) + sum(len(k.encode()) + len(v.encode()) for k, v in sent.attributes.items())
    assert size <= MAX_MESSAGE_BYTES
    known = letter_of_message(sent.data, sent.attributes)
    assert (known.stage, known.reason) == (letter.stage, letter.reason)
    assert known.fingerprint == row["fingerprint"]
    assert known.dead_letter_id == row["dead_letter_id"]
    if known.attributes is not None:
        assert known.attributes == dict(letter.message.attributes)


def dead_letter(data: bytes) -> str:
    """The builder of dead letters: errors and attributes of any shape."""
    head, _, payload = data.partition(SEPARATOR)
    texts = head.decode(errors="replace").split("\n")
    errors = [ContractError(*texts[n : n + 3]) for n in range(0, len(texts) - 2, 3)]
    attributes = {text[::2]: text[1::2] for text in texts}
    message = RawMessage(payload, attributes, texts[0] or None, None)
    check_letter(DeadLetter(message, "parse", "wrong_type", tuple(errors), None, NOW_US))
    return f"{min(len(errors), 3)} errors"


def queue_letter(data: bytes) -> str:
    """A message of the queue that anybody may have published, read by the replay."""
    message = raw_message(data)
    try:
        letter_of_message(message.payload, message.attributes)
    except NoDeadLetter as error:
        return type(error).__name__
    return "read"


def as_input(payload: bytes, attributes: dict[str, Any]) -> bytes:
    """The input that `raw_message` makes a message of."""
    lines = "\n".join(f"{key}={value}" for key, value in attributes.items())
    return lines.encode(errors="replace") + SEPARATOR + payload
