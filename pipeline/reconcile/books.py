"""What each side says, per window and event type: the input of the judgement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Key(NamedTuple):
    """A publish-time window and an event type."""

    start_s: int
    """In s since 1970."""
    event_type: str


class Counted(NamedTuple):
    """What the ledger says, as its view adds runs up."""

    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    runs: int = 0
    """Runs that have counted here, whether the view takes them or not."""
    most_accepted: int = 0
    """The most that one run has accepted."""
    most_rejected: int = 0
    ever_accepted: int = 0
    """What all runs have accepted, an event in each of them."""
    ever_rejected: int = 0
    unbalanced: int = 0
    """By how much received and accepted + duplicates + rejected differ, over all windows and runs."""
    loads_rejected: int = 0
    """What backfills and reloads have rejected: of a file's messages some have no publish time."""

    def plus(self, other: Counted) -> Counted:
        """Both together: two windows of the ledger in one of the judgement's."""
        return Counted(
            self.received + other.received,
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.rejected + other.rejected,
            max(self.runs, other.runs),
            self.most_accepted + other.most_accepted,
            self.most_rejected + other.most_rejected,
            self.ever_accepted + other.ever_accepted,
            self.ever_rejected + other.ever_rejected,
            self.unbalanced + other.unbalanced,
            self.loads_rejected + other.loads_rejected,
        )


class Stored(NamedTuple):
    """What a table holds."""

    rows: int = 0
    different: int = 0
    """Different event_ids, or dead_letter_ids."""
    stages: tuple[tuple[str, int], ...] = ()
    """(stage, different) of dead letters: where they were refused."""


class Published(NamedTuple):
    """What the files say."""

    messages: int = 0
    """Different message ids."""
    copies: int = 0
    """Records: an archive may hold a message twice."""


class Missing(NamedTuple):
    """Messages of the files that are in no table and in no dead letter."""

    events: int = 0
    """Different events; each counts where it was first published."""
    refused: int = 0
    """Messages that break the contract, so that they should be dead letters."""
    messages: int = 0
    """All such messages, repeats included."""
    event_message_ids: tuple[str, ...] = ()
    refused_message_ids: tuple[str, ...] = ()


class Strange(NamedTuple):
    """What the tables hold and the files do not."""

    events: int = 0
    letters: int = 0
    event_ids: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()


class Archive(NamedTuple):
    """What was learnt from the files."""

    published: Mapping[Key, Published]
    missing: Mapping[Key, Missing]
    strange: Mapping[Key, Strange]
    undated: Mapping[str, Published] = {}
    """Refused messages without a publish time, by event type: the ledger counts them, no window is theirs."""
    undated_missing: Mapping[str, Missing] = {}
    landed_letters: Mapping[Key, int] = {}
    """Letters of events that are in their table all the same: a bundle was tried again, or one replayed."""


class Books(NamedTuple):
    """All that is compared."""

    window_seconds: int
    finished_s: int | None
    """End of the newest window that the ledger has finished."""
    tables: Mapping[str, str]
    """Event type -> its table."""
    ledger: Mapping[Key, Counted]
    events: Mapping[Key, Stored]
    letters: Mapping[Key, Stored]
    undated_letters: Mapping[str, int] = {}
    """Rows of dead_letters without a publish time, by event type."""
    archive: Archive | None = None
    one_run: bool = False
    """The ledger is that of one run only; others may have written rows as well."""

    def is_finished(self, start_s: int) -> bool:
        """Whether the ledger has finished the window that begins then."""
        return self.finished_s is not None and start_s + self.window_seconds <= self.finished_s
