"""Which missing messages of a window stand under which finding."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.reconcile.books import Missing
from pipeline.reconcile.findings import MAX_IDS


class Share(NamedTuple):
    """What one finding has of the missing messages of its window."""

    number: int
    message_ids: tuple[str, ...] = ()
    said: str = ""
    """A sentence, after a space, if the ids are those of other findings too."""


class Shares(NamedTuple):
    """How the missing messages of a window divide: what the ledger knows of, and the rest."""

    rows: Share
    letters: Share
    rest: Share

    @property
    def attributed(self) -> int:
        """Missing messages that the ledger has counted."""
        return self.rows.number + self.letters.number


def divide(missing: Missing, rows_lack: int, letters_lack: int) -> Shares:
    """Missing events first explain rows, refused messages letters; an event may be a letter too.

    How many of which, the counts tell; which ones, nobody: all findings that share them name the same ids.
    """
    rows = min(missing.events, rows_lack)
    refused = min(missing.refused, letters_lack)
    events = min(missing.events - rows, letters_lack - refused)
    of_events = (rows, events, missing.events - rows - events)
    of_refused = (0, refused, missing.refused - refused)
    return Shares(
        *(_share(missing, *each, of_events, of_refused) for each in zip(of_events, of_refused, strict=True))
    )


def _share(
    missing: Missing, events: int, refused: int, of_events: tuple[int, ...], of_refused: tuple[int, ...]
) -> Share:
    is_shared = 0 < events < sum(of_events) or 0 < refused < sum(of_refused)
    ids = (missing.refused_message_ids if refused else ()) + (missing.event_message_ids if events else ())
    candidates = (missing.events if events else 0) + (missing.refused if refused else 0)
    said = (
        f" Which of the {candidates:,} missing ones of this window they are cannot be told: "
        "its findings share the ids."
    )
    return Share(events + refused, ids[:MAX_IDS], said if is_shared else "")
