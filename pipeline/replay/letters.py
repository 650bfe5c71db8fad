"""A dead letter as the replay knows it, whether it comes from the queue or from the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from pipeline.elements import REPLAY_COUNT, DeadLetter, RawMessage
from pipeline.errors import ContractError
from pipeline.rfc3339 import parse_rfc3339_us
from pipeline.transforms.dead_letters import ORIGINAL_PREFIX, dead_letter_id, replay_count


class Letter(NamedTuple):
    """A dead letter."""

    dead_letter_id: str
    stage: str
    reason: str
    errors: tuple[ContractError, ...]
    """As many as its source has."""
    event_type: str | None
    fingerprint: str
    failed_at_us: int
    message_id: str | None
    replay_count: int
    """As its own attribute says."""
    attributes: Mapping[str, str] | None
    """The original ones; None if the source does not have all of them."""
    payload: bytes | None
    """The original bytes; None if they lie under `payload_uri`."""
    payload_uri: str | None
    payload_bytes: int | None
    """Size of the payload, where the source says."""

    @property
    def labels(self) -> dict[str, str | None]:
        """What filters and the conditions of rules go by."""
        return {"reason": self.reason, "event_type": self.event_type, "fingerprint": self.fingerprint}


class Source(Protocol):
    """Where dead letters come from."""

    def batches(self) -> Iterator[list[Letter]]:
        """Yield letters, some hundred at a time, until there are none or the run is stopped."""

    def settle(self, letter_ids: Sequence[str]) -> None:
        """These letters are replayed and recorded: they need not come again."""

    def close(self) -> None:
        """Give back what was not settled."""


class NoDeadLetter(ValueError):
    """A message of the queue lacks what every dead letter has."""


def letter_of_message(data: bytes, attributes: Mapping[str, str]) -> Letter:
    """Return the letter in a message of the DLQ topic; raises NoDeadLetter."""
    try:
        stage, reason = attributes["stage"], attributes["reason"]
        failed_at_us = parse_rfc3339_us(attributes["failed_at"])
        fingerprint = attributes["fingerprint"]
        errors = _errors(orjson.loads(attributes["errors"]))
    except (KeyError, TypeError, ValueError) as error:
        raise NoDeadLetter("a message of the queue is no dead letter of this pipeline") from error
    uri = attributes.get("payload_uri")
    payload = None if uri is not None and not data else data
    originals = {
        name.removeprefix(ORIGINAL_PREFIX): value
        for name, value in attributes.items()
        if name.startswith(ORIGINAL_PREFIX)
    }
    message_id = attributes.get("message_id")
    count_text = {REPLAY_COUNT: attributes.get(REPLAY_COUNT, "")}
    letter = DeadLetter(RawMessage(data, count_text, message_id, None), stage, reason, (), None, failed_at_us)
    # Without a message id the letter's id is made of the payload, and is then also its object's name.
    key = dead_letter_id(letter) if message_id or payload is not None or uri is None else _name_of(uri)
    return Letter(
        key,
        stage,
        reason,
        errors,
        attributes.get("event_type"),
        fingerprint,
        failed_at_us,
        message_id,
        replay_count(letter),
        None if attributes.get("attributes_truncated") == "true" else originals,
        payload,
        uri,
        None,
    )


def _name_of(uri: str) -> str:
    return uri.rpartition("/")[2].removesuffix(".bin")


def letter_of_row(row: Mapping[str, Any]) -> Letter:
    """Return the letter in a row of `dead_letters`, as BigQuery's client gives it."""
    uri = row["payload_uri"]
    return Letter(
        row["dead_letter_id"],
        row["stage"],
        row["reason"],
        _errors(row["errors"]),
        row["event_type"],
        row["fingerprint"],
        round(row["failed_at"].timestamp() * 1_000_000),
        row["message_id"],
        row["replay_count"],
        attributes_of_row(row),
        None if uri else row["payload"] or b"",
        uri,
        row["payload_bytes"],
    )


def attributes_of_row(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the original attributes in a row of `dead_letters`."""
    return {each["key"]: each["value"] for each in row["attributes"]}


def _errors(listed: Any) -> tuple[ContractError, ...]:
    return tuple(
        ContractError(each["path"] or "", each["rule"] or "", each["message"] or "") for each in listed
    )
