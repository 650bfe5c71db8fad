"""The judgement: what each side says goes in, what does not agree comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pipeline.reconcile.books import Archive, Books, Counted, Key, Missing, Published, Stored, Strange
from pipeline.reconcile.findings import (
    COUNTED_TOO_FEW,
    COUNTED_TOO_MANY,
    LETTERS_MISSING,
    LOST,
    MAX_IDS,
    NOT_ARCHIVED,
    NOT_YET_COUNTED,
    NOTHING,
    ROWS_MISSING,
    UNBALANCED,
    UNDECIDED,
    WAITING,
    WRITTEN_TWICE,
    Finding,
)
from pipeline.reconcile.shares import divide

_NONE = Archive({}, {}, {})


def judge(books: Books) -> list[Finding]:
    """Everything that does not agree, in the order of windows and event types; then what is worth knowing."""
    archive = books.archive or _NONE
    keys = {*books.ledger, *books.events, *books.letters}
    keys |= {*archive.published, *archive.missing, *archive.strange}
    undated_letters = Counter(books.undated_letters)
    undated = Counter({event_type: each.copies for event_type, each in archive.undated.items()})
    findings = [
        finding for key in sorted(keys) for finding in _of_window(books, key, undated_letters, undated)
    ]
    for event_type, missing in sorted(archive.undated_missing.items()):
        said = f"{missing.messages:,} messages without a publish time are in no table and in no dead letter."
        ids = (*missing.refused_message_ids, *missing.event_message_ids)[:MAX_IDS]
        findings.append(Finding(LOST, event_type, None, missing.messages, said, ids))
    findings += _written_twice(books)
    findings += [] if books.archive is not None else _undecided(books)
    if not keys and not archive.undated:
        findings.append(Finding(NOTHING, None, None, 0, "Nothing was published, counted or written in it."))
    return findings


def _of_window(
    books: Books, key: Key, undated_letters: Counter[str], undated: Counter[str]
) -> Iterator[Finding]:
    counted = books.ledger.get(key, Counted())
    stored, letters = books.events.get(key, Stored()), books.letters.get(key, Stored())
    archive = books.archive or _NONE
    missing = archive.missing.get(key, Missing())
    strange = archive.strange.get(key, Strange())
    if counted.unbalanced:
        said = "received is not accepted + duplicates + rejected in a row of data_quality_metrics."
        yield Finding(UNBALANCED, key.event_type, key.start_s, counted.unbalanced, said)

    rows_lack = _lack(counted.accepted, counted.most_accepted, stored, counted.runs, once_only=True)
    letters_lack = _lack(counted.rejected, counted.most_rejected, letters, counted.runs, once_only=False)
    if books.archive is not None:
        # Two runs may have counted one message, and one run an event twice, if it remembers ids for less than
        # a window. Whether one is missing, the files tell, if they have all that was counted.
        published = archive.published.get(key, Published())
        if counted.runs > 1 or counted.received <= published.copies:
            rows_lack = min(rows_lack, missing.events)
        if counted.runs > 1:
            letters_lack = min(letters_lack, missing.events - rows_lack + missing.refused)
    # Refused messages without a publish time count in some window, and their letters in none. Pub/Sub gives
    # each message a time, so they are files', and the letters of old loads stand for none of a live run.
    elsewhere = min(letters_lack, undated_letters[key.event_type], counted.loads_rejected)
    undated_letters[key.event_type] -= elsewhere
    letters_lack -= elsewhere
    shares = divide(missing, rows_lack, letters_lack)
    if rows_lack:
        table = books.tables.get(key.event_type)
        said = f"The ledger accepted {counted.accepted:,}, and {table} holds {stored.different:,} of them."
        if table is None:
            said = f"The ledger accepted {counted.accepted:,} of a type that the contract has no table for."
        elif counted.runs > 1 and books.archive is None:
            said += f" {counted.runs} runs counted here: --input_path tells whether they counted one twice."
        said += shares.rows.said
        yield Finding(ROWS_MISSING, key.event_type, key.start_s, rows_lack, said, shares.rows.message_ids)
    if letters_lack:
        stages = ", ".join(f"{stage} {number:,}" for stage, number in letters.stages)
        said = f"The ledger rejected {counted.rejected:,}, and dead_letters holds {letters.different:,}"
        said += f" ({stages})." if stages else "."
        said += shares.letters.said
        ids = shares.letters.message_ids
        yield Finding(LETTERS_MISSING, key.event_type, key.start_s, letters_lack, said, ids)

    if shares.rest.number:
        kind = LOST if books.is_finished(key.start_s) else WAITING
        said = "They are in no table and in no dead letter, and the ledger has "
        said += "finished their window." if kind is LOST else "not finished their window."
        said += shares.rest.said
        yield Finding(kind, key.event_type, key.start_s, shares.rest.number, said, shares.rest.message_ids)
    if strange.events or strange.letters:
        said = f"{strange.events:,} events and {strange.letters:,} dead letters are in no file that was read."
        yield Finding(
            NOT_ARCHIVED,
            key.event_type,
            key.start_s,
            strange.events + strange.letters,
            said,
            strange.message_ids,
            strange.event_ids,
        )
    yield from _of_ledger(books, key, missing.messages - shares.attributed, undated)


def _lack(counted: int, most: int, stored: Stored, runs: int, *, once_only: bool) -> int:
    """How many of `counted` are not stored.

    One run accepts an event once (`once_only`) and may refuse a message twice, if it is delivered twice.
    Several runs may both have counted and written one. So where all that one run has counted is there,
    repeated rows stand for what was counted twice.
    """
    counted_twice = stored.different >= most if runs > 1 else not once_only
    return max(0, counted - (max(stored.rows, stored.different) if counted_twice else stored.different))


def _of_ledger(books: Books, key: Key, missing: int, undated: Counter[str]) -> Iterator[Finding]:
    """Whether the ledger has counted what is there: no more and no less.

    `missing` are the messages that nobody has seen, so that the ledger does not know them either.
    """
    counted = books.ledger.get(key, Counted())
    stored, letters = books.events.get(key, Stored()), books.letters.get(key, Stored())
    few = 0
    if not books.one_run:
        # Of two copies of an event, a backfill may have taken the one and a live run the other: their rows
        # are then in two windows, and the view takes the counts of one run in each.
        few = max(0, stored.different - max(counted.accepted, counted.ever_accepted))
        # A bundle may write a letter and fail, and when it is tried again BigQuery takes the row.
        landed = (books.archive or _NONE).landed_letters.get(key, 0)
        few += max(0, letters.different - landed - max(counted.rejected, counted.ever_rejected))
    sides = f"received {counted.received:,} = accepted {counted.accepted:,} + duplicates "
    sides += f"{counted.duplicates:,} + rejected {counted.rejected:,}; the tables hold "
    sides += f"{stored.different:,} events and {letters.different:,} dead letters"
    many = 0
    if books.archive is not None:
        published = books.archive.published.get(key, Published())
        strange = books.archive.strange.get(key, Strange())
        if not books.one_run:  # another run may have counted the others
            few = max(few, published.messages - counted.received - missing)
        many = max(0, counted.received - published.copies - strange.events - strange.letters)
        elsewhere = min(many, undated[key.event_type])
        undated[key.event_type] -= elsewhere
        many -= elsewhere
        sides += f", the files {published.messages:,} messages"
    if few > 0:
        kind = COUNTED_TOO_FEW if books.is_finished(key.start_s) else NOT_YET_COUNTED
        yield Finding(kind, key.event_type, key.start_s, few, f"{sides}.")
    if many:
        yield Finding(COUNTED_TOO_MANY, key.event_type, key.start_s, many, f"{sides}.")


def _written_twice(books: Books) -> Iterator[Finding]:
    """One for each table: a backfill of a month would else have one for each window."""
    for event_type, table in sorted(books.tables.items()):
        more = [each.rows - each.different for key, each in books.events.items() if key[1] == event_type]
        yield from _repeated(event_type, table, more)
    more = [each.rows - each.different for each in books.letters.values()]
    yield from _repeated(None, "dead_letters", more)


def _undecided(books: Books) -> Iterator[Finding]:
    """Where several runs counted more events than there are, and repeated rows may make up the difference."""
    for event_type, table in sorted(books.tables.items()):
        found = [_hidden(books, key) for key in books.ledger if key.event_type == event_type]
        windows = sum(each > 0 for each in found)
        if windows:
            plural = "window" if windows == 1 else "windows"
            said = f"In {windows:,} {plural} several runs accepted {sum(found):,} more events than {table} "
            said += "holds, and it has as many rows too many: they were counted and written twice, or others "
            said += "are gone. --input_path tells which."
            yield Finding(UNDECIDED, event_type, None, sum(found), said)


def _hidden(books: Books, key: Key) -> int:
    counted, stored = books.ledger[key], books.events.get(key, Stored())
    lack = _lack(counted.accepted, counted.most_accepted, stored, counted.runs, once_only=True)
    return max(0, counted.accepted - stored.different - lack)


def _repeated(event_type: str | None, table: str, more: list[int]) -> Iterator[Finding]:
    windows = sum(each > 0 for each in more)
    if windows:
        plural = "window" if windows == 1 else "windows"
        said = f"{table} has {sum(more):,} rows too many, from {windows:,} {plural}; the view "
        yield Finding(
            WRITTEN_TWICE, event_type, None, sum(more), f"{said}{table}_deduplicated shows each once."
        )
