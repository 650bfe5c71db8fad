"""Whatever is lost of a balanced world is named; nothing else is."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reconcile.findings import (
    COUNTED_TOO_FEW,
    LETTERS_MISSING,
    LOST,
    ROWS_MISSING,
    WAITING,
    Finding,
    Kind,
)
from pipeline.reconcile.judge import judge
from pipeline.reconcile.scratch import Message
from tests.reconcile.world import TABLES, WINDOW_SECONDS, WINDOWS, Landed, archive_of, books_of, run_pipeline

SECONDS = WINDOWS * WINDOW_SECONDS
FEW = 10  # as many as a finding names, so that all of them are named
EVENT_IDS = st.sets(st.integers(0, 8).map("e{}".format))


@st.composite
def published(draw: Any) -> list[Message]:
    """Messages in the order of their publish times; event ids are few, so that many are duplicates."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.integers(0, SECONDS * 1_000_000 - 1),
                st.sampled_from(sorted(TABLES)),
                st.none() | st.integers(0, 8).map("e{}".format),
            ),
            max_size=30,
        )
    )
    return [
        Message(f"m{number}", event_type, event_id, time_us)
        for number, (time_us, event_type, event_id) in enumerate(sorted(drawn, key=lambda each: each[0]))
    ]


@st.composite
def some_of(draw: Any, all_of_them: Any) -> set[Any]:
    ordered = sorted(all_of_them)
    return draw(st.sets(st.sampled_from(ordered), max_size=FEW)) if ordered else set()


def total(findings: list[Finding], *kinds: Kind) -> int:
    return sum(each.number for each in findings if each.kind in kinds)


def named(findings: list[Finding]) -> set[str]:
    return {message_id for each in findings for message_id in each.message_ids}


def first_of_each(messages: list[Message]) -> list[Message]:
    """Each message that breaks the contract; of the others the first of each event."""
    firsts: dict[Any, Message] = {}
    for message in messages:
        firsts.setdefault((message.event_type, message.event_id or message.message_id), message)
    return list(firsts.values())


@settings(max_examples=40, deadline=None)
@given(published(), EVENT_IDS, EVENT_IDS)
def test_a_run_that_lost_nothing_is_balanced(
    messages: list[Message], refused: set[str], given_up: set[str]
) -> None:
    landed = run_pipeline(messages, refused, given_up)
    findings = judge(books_of(landed, archive_of(messages, landed)))
    assert [each for each in findings if each.kind.is_gap] == []
    assert [each for each in judge(books_of(landed)) if each.kind.is_gap] == []


@settings(max_examples=40, deadline=None)
@given(published(), st.data())
def test_rows_of_bundles_that_were_tried_again_may_have_letters_too(
    messages: list[Message], data: st.DataObject
) -> None:
    landed = run_pipeline(messages)
    for row in data.draw(some_of(landed.rows)):
        landed.letters[row] = "bigquery_unavailable"
    findings = judge(books_of(landed, archive_of(messages, landed)))
    assert [each for each in findings if each.kind.is_gap] == []


@settings(max_examples=40, deadline=None)
@given(published(), EVENT_IDS, EVENT_IDS, st.data())
def test_rows_and_letters_that_are_gone_are_counted_and_named(
    messages: list[Message], refused: set[str], given_up: set[str], data: st.DataObject
) -> None:
    whole = run_pipeline(messages, refused, given_up)
    gone_rows, gone_letters = data.draw(some_of(whole.rows)), data.draw(some_of(whole.letters))
    left = Landed(
        {row: event_id for row, event_id in whole.rows.items() if row not in gone_rows},
        {letter: stage for letter, stage in whole.letters.items() if letter not in gone_letters},
        whole.ledger,
    )
    for findings in (judge(books_of(left, archive_of(messages, left))), judge(books_of(left))):
        assert total(findings, ROWS_MISSING) == len(gone_rows)
        assert total(findings, LETTERS_MISSING) == len(gone_letters)
        assert total(findings, LOST, WAITING, COUNTED_TOO_FEW) == 0
    findings = judge(books_of(left, archive_of(messages, left)))
    assert named(findings) == {message.message_id for message in gone_rows | gone_letters}


@settings(max_examples=40, deadline=None)
@given(published(), st.integers(0, WINDOWS), st.data())
def test_messages_that_never_arrived_are_named_once_for_each_event(
    messages: list[Message], finished_windows: int, data: st.DataObject
) -> None:
    hidden = data.draw(some_of(messages))
    landed = run_pipeline([message for message in messages if message not in hidden])
    # An event that another message has brought is there: then only the ledger is short of a message.
    there = {(row.event_type, row.event_id) for row in landed.rows}
    lost = [
        message
        for message in messages
        if message in hidden
        and (message.event_id is None or (message.event_type, message.event_id) not in there)
    ]
    findings = judge(books_of(landed, archive_of(messages, landed), finished_windows))
    assert named(findings) == {message.message_id for message in first_of_each(lost)}
    end_us = finished_windows * WINDOW_SECONDS * 1_000_000
    late = [message for message in first_of_each(lost) if (message.time_us or 0) >= end_us]
    assert total(findings, WAITING) == len(late)
    assert total(findings, LOST) == len(first_of_each(lost)) - len(late)
    uncounted = len(hidden) - len(lost)
    short = [each for each in findings if each.kind.stage == "ledger"]
    assert sum(each.number for each in short) == uncounted
    assert bool([each for each in findings if each.kind.is_gap]) == bool(hidden)
