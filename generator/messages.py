"""Messages: what the shop's events look like on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from generator.agenda import Draft
from generator.chance import pick, stream
from generator.faults import Fault, applicable_faults, release_faults
from generator.incidents import Conditions
from generator.instants import SECOND_US, TimestampText
from generator.letter import Letter
from generator.old_versions import draw_version, written_for
from generator.vocabulary import Vocabulary

INSIDE_SHARE = 0.1
"""Messages that carry event_type, event_id and schema_version inside the JSON, not as attributes."""
LATE_AFTER_US = 300 * SECOND_US
"""An event older than this when it is published is counted as late, as the pipeline does by default."""


class Message(NamedTuple):
    """A message ready to be published."""

    payload: bytes
    attributes: Mapping[str, str]
    publish_us: int
    event_type: str
    """What the shop meant to send; a broken message may say something else."""
    fault: Fault | None
    """What was broken; None for a valid message."""
    is_duplicate: bool
    is_late: bool
    earlier_version: int | None = None
    """The schema version it is written for; None for the current one."""


@dataclass
class MessageWriter:
    """Turns drafts into messages and breaks `malformed_probability` of them.

    `lag_us` is how far the simulated time lies behind the time of publishing.
    """

    words: Vocabulary
    seed: int
    run: str
    malformed_probability: float
    lag_us: int = 0
    old_version_share: float = 0.0
    """Of the intact events that have earlier versions."""

    def __post_init__(self) -> None:
        """Prepare what each message needs."""
        contract = self.words.contract
        self._tables = {event_type: contract.table_of(event_type) for event_type in contract.event_types}
        self._event_times = {name: str(table.event_time) for name, table in self._tables.items()}
        self._versions = {name: int(table.schema_version or 1) for name, table in self._tables.items()}
        self._faults = {name: applicable_faults(table) for name, table in self._tables.items()}
        self._release_faults = {
            name: pick(stream(self.seed, f"release:{name}"), release_faults(table))
            for name, table in self._tables.items()
        }
        self._rng = stream(self.seed, "messages")
        self._fault_rng = stream(self.seed, "faults")
        self._version_rng = stream(self.seed, "versions")
        self._text = TimestampText()
        self._written = 0

    def write(self, draft: Draft, now_us: int, conditions: Conditions | None = None) -> Message:
        """Return the message of a draft that is published at `now_us`, intact or broken."""
        event_type, fields, age_us = draft
        fields[self._event_times[event_type]] = self._text.of(now_us - age_us)
        self._written += 1
        letter = Letter(
            table=self._tables[event_type],
            fields=fields,
            event_type=event_type,
            event_id=f"evt-{self.run}-{self._written:09d}",
            schema_version=self._versions[event_type],
            is_inside=self._rng.random() < INSIDE_SHARE,
            publish_us=now_us + self.lag_us,
        )
        version = draw_version(self._version_rng, letter.table, self.old_version_share)
        fault, rng = self._draw_fault(event_type, conditions)
        if fault is not None:
            version = None  # what is broken is broken in the current version
        elif version is not None:
            letter = written_for(letter, version)
        payload = letter.payload() if fault is None else fault.break_letter(letter, rng)
        return Message(
            payload=payload,
            attributes=letter.attributes(),
            publish_us=letter.publish_us,
            event_type=event_type,
            fault=fault,
            is_duplicate=False,
            is_late=fault is None and age_us + self.lag_us > LATE_AFTER_US,
            earlier_version=None if version is None else version.schema_version,
        )

    def _draw_fault(self, event_type: str, conditions: Conditions | None) -> tuple[Fault | None, Random]:
        if conditions is not None:
            broken_share = conditions.broken_share.get(event_type, 0.0)
            if broken_share and self._fault_rng.random() < broken_share:
                # A fresh Random with the same seed: a bad release breaks every event alike.
                return self._release_faults[event_type], Random(self.seed)
        if self._fault_rng.random() < self.malformed_probability:
            return pick(self._fault_rng, self._faults[event_type]), self._fault_rng
        return None, self._fault_rng
