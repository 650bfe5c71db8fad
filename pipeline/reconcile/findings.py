"""What a reconciliation can find: one word for each, and where in the pipeline it points."""

from __future__ import annotations

from typing import NamedTuple

MAX_IDS = 10
"""Ids that a finding names."""


class Kind(NamedTuple):
    """A word for what does not agree; docs/reconcile.md says what to do."""

    word: str
    stage: str
    """`published`, `ledger`, `tables`, `dead_letters` or `views`."""
    is_gap: bool = True
    """False: worth knowing, and nothing is wrong."""


LOST = Kind("lost", "published")
WAITING = Kind("waiting", "published")
NOT_ARCHIVED = Kind("not_archived", "published")
MANIFEST_DIFFERS = Kind("manifest_differs", "published")
UNBALANCED = Kind("unbalanced", "ledger")
COUNTED_TOO_FEW = Kind("counted_too_few", "ledger")
COUNTED_TOO_MANY = Kind("counted_too_many", "ledger")
NOT_YET_COUNTED = Kind("not_yet_counted", "ledger")
ROWS_MISSING = Kind("rows_missing", "tables")
LETTERS_MISSING = Kind("letters_missing", "dead_letters")
SHOWN_TWICE = Kind("shown_twice", "views")
WRITTEN_TWICE = Kind("written_twice", "tables", is_gap=False)
UNDECIDED = Kind("undecided", "tables", is_gap=False)
NOTHING = Kind("nothing", "published", is_gap=False)

KINDS = (
    LOST,
    WAITING,
    NOT_ARCHIVED,
    MANIFEST_DIFFERS,
    UNBALANCED,
    COUNTED_TOO_FEW,
    COUNTED_TOO_MANY,
    NOT_YET_COUNTED,
    ROWS_MISSING,
    LETTERS_MISSING,
    SHOWN_TWICE,
    WRITTEN_TWICE,
    UNDECIDED,
    NOTHING,
)


class Finding(NamedTuple):
    """One thing that does not agree."""

    kind: Kind
    event_type: str | None
    """None: all of them together."""
    start_s: int | None
    """Start of the window, in s since 1970; None: not of one window."""
    number: int
    """Messages, events, rows or dead letters that are too few or too many."""
    said: str
    """A sentence with both sides."""
    message_ids: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
