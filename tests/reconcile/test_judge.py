"""Ledger, tables and files of one window, and what does not agree."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.reconcile.books import Archive, Books, Counted, Key, Missing, Published, Stored, Strange
from pipeline.reconcile.findings import MAX_IDS
from pipeline.reconcile.judge import judge

KEY = Key(600, "order")
END_S = 900
ALL_SIDES = {"ledger": Counted(), "events": Stored(), "letters": Stored()}


def one_run(accepted: int, duplicates: int = 0, rejected: int = 0) -> Counted:
    received = accepted + duplicates + rejected
    return Counted(received, accepted, duplicates, rejected, 1, accepted, rejected, accepted, rejected)


def two_runs(accepted: int, most_accepted: int, rejected: int = 0, most_rejected: int = 0) -> Counted:
    return Counted(accepted + rejected, accepted, 0, rejected, 2, most_accepted, most_rejected)


def all_there(messages: int, copies: int | None = None) -> Archive:
    return Archive({KEY: Published(messages, copies or messages)}, {}, {})


def found_in(finished_s: int | None = END_S, **sides: Any) -> list[tuple[str, int]]:
    given = {**ALL_SIDES, **sides}
    books = Books(
        300,
        finished_s,
        {"order": "orders"},
        {KEY: given.pop("ledger")},
        {KEY: given.pop("events")},
        {KEY: given.pop("letters")},
        **given,
    )
    return [(each.kind.word, each.number) for each in judge(books)]


@pytest.mark.parametrize(
    ("sides", "found"),
    [
        pytest.param(
            {"ledger": one_run(90, 4, 6), "events": Stored(90, 90), "letters": Stored(6, 6)},
            [],
            id="all agree",
        ),
        pytest.param(
            {"ledger": one_run(90), "events": Stored(92, 90)}, [("written_twice", 2)], id="rows repeated"
        ),
        pytest.param(
            {"ledger": one_run(90), "events": Stored(90, 88)},
            [("rows_missing", 2), ("written_twice", 2)],
            id="a repeated row makes up for none that is missing",
        ),
        pytest.param(
            {"ledger": one_run(90), "events": Stored(90, 88), "archive": all_there(90)},
            [("written_twice", 2)],
            id="a run that remembers ids for less than a window has accepted events twice",
        ),
        pytest.param(
            {
                "ledger": one_run(1),
                "events": Stored(1, 1),
                "letters": Stored(1, 1),
                "archive": all_there(1)._replace(landed_letters={KEY: 1}),
            },
            [],
            id="a bundle wrote a letter, failed, and wrote the row when it was tried again",
        ),
        pytest.param(
            {
                "ledger": one_run(1),
                "events": Stored(1, 1),
                "letters": Stored(2, 2),
                "archive": all_there(2)._replace(landed_letters={KEY: 1}),
            },
            [("counted_too_few", 1)],
            id="such a letter, and another that was not counted",
        ),
        pytest.param(
            {
                "ledger": one_run(5, 1, 1)._replace(received=9, unbalanced=2),
                "events": Stored(5, 5),
                "letters": Stored(1, 1),
            },
            [("unbalanced", 2)],
            id="the ledger does not add up",
        ),
        pytest.param(
            {"ledger": one_run(0, 0, 2), "letters": Stored(2, 1)},
            [("written_twice", 1)],
            id="a refused message was delivered twice",
        ),
        pytest.param(
            {"ledger": one_run(0, 0, 2), "letters": Stored(1, 1)},
            [("letters_missing", 1)],
            id="a dead letter is gone",
        ),
        pytest.param(
            {
                "ledger": one_run(0, 0, 2)._replace(loads_rejected=2),
                "letters": Stored(1, 1),
                "undated_letters": {"order": 1},
            },
            [],
            id="a dead letter of a backfill has no publish time",
        ),
        pytest.param(
            {"ledger": one_run(0, 0, 2), "letters": Stored(1, 1), "undated_letters": {"order": 1}},
            [("letters_missing", 1)],
            id="a dead letter of a live run is gone, and an old backfill left some without a time",
        ),
        pytest.param(
            {"ledger": one_run(60), "events": Stored(100, 100)},
            [("counted_too_few", 40)],
            id="a run was killed before it wrote its pane",
        ),
        pytest.param(
            {"ledger": one_run(60), "events": Stored(100, 100), "finished_s": END_S - 1},
            [("not_yet_counted", 40)],
            id="a window is open",
        ),
        pytest.param(
            {"ledger": one_run(60), "events": Stored(100, 100), "one_run": True},
            [],
            id="another run wrote rows too",
        ),
        pytest.param(
            {
                "ledger": one_run(50),
                "events": Stored(100, 100),
                "archive": all_there(100),
                "one_run": True,
            },
            [],
            id="another run read messages of the files too",
        ),
        pytest.param(
            {"ledger": two_runs(100, 50), "events": Stored(100, 100)}, [], id="drained, then continued"
        ),
        pytest.param(
            {"ledger": two_runs(150, 100), "events": Stored(150, 100)},
            [("written_twice", 50), ("undecided", 50)],
            id="killed, and counted and written again: without files it may be a loss of as many others",
        ),
        pytest.param(
            {
                "ledger": two_runs(150, 100),
                "events": Stored(150, 100),
                "archive": all_there(100),
            },
            [("counted_too_many", 50), ("written_twice", 50)],
            id="killed, and counted and written again: with files it is none",
        ),
        pytest.param(
            {"ledger": two_runs(150, 100), "events": Stored(100, 100)},
            [("rows_missing", 50)],
            id="killed, counted again, and not written again: without files it may be a loss",
        ),
        pytest.param(
            {"ledger": two_runs(150, 100), "events": Stored(100, 100), "archive": all_there(100)},
            [("counted_too_many", 50)],
            id="killed, counted again, and not written again: with files it is none",
        ),
        pytest.param(
            {
                "ledger": two_runs(0, 0, 4, 2),
                "letters": Stored(2, 2),
                "archive": all_there(2),
            },
            [("counted_too_many", 2)],
            id="killed, and refused messages counted again",
        ),
        pytest.param(
            {"ledger": two_runs(100, 100, 3, 3), "events": Stored(200, 100), "letters": Stored(6, 3)},
            [("written_twice", 100), ("written_twice", 3)],
            id="loaded again by a backfill",
        ),
        pytest.param(
            {"ledger": two_runs(100, 100, 3, 3), "events": Stored(180, 90), "letters": Stored(4, 2)},
            [("rows_missing", 10), ("letters_missing", 1), ("written_twice", 90), ("written_twice", 2)],
            id="loaded again by a backfill, and some gone from both",
        ),
        pytest.param(
            {"ledger": two_runs(4, 5)._replace(ever_accepted=9), "events": Stored(9, 5)},
            [("written_twice", 4)],
            id="a backfill took another copy of an event than the live run, and the view takes the live run",
        ),
        pytest.param(
            {"ledger": one_run(5), "events": Stored(5, 5), "archive": all_there(5, copies=6)},
            [],
            id="the archive has a message twice",
        ),
        pytest.param(
            {"ledger": one_run(5, 1), "events": Stored(5, 5), "archive": all_there(5, copies=6)},
            [],
            id="the archive has a message twice, and a backfill read both",
        ),
        pytest.param(
            {"ledger": one_run(3), "events": Stored(5, 5), "archive": all_there(6)},
            [("counted_too_few", 3)],
            id="the ledger counted fewer than were published",
        ),
        pytest.param(
            {
                "ledger": one_run(3),
                "events": Stored(3, 3),
                "archive": Archive({KEY: Published(2, 2)}, {}, {KEY: Strange(1, 0, event_ids=("e",))}),
            },
            [("not_archived", 1)],
            id="the files lack a message",
        ),
        pytest.param(
            {
                "ledger": one_run(3, 0, 1)._replace(loads_rejected=1),
                "events": Stored(3, 3),
                "archive": Archive(
                    {KEY: Published(3, 3)}, {}, {}, {"order": Published(1, 1)}, {"order": Missing(0, 1, 1)}
                ),
                "undated_letters": {"order": 1},
            },
            [("lost", 1)],
            id="a refused message without a publish time is gone",
        ),
    ],
)
def test_sides_of_a_window(sides: dict[str, Any], found: list[tuple[str, int]]) -> None:
    assert found_in(**sides) == found


def test_a_range_in_which_nothing_is_says_so() -> None:
    books = Books(300, None, {"order": "orders"}, {}, {}, {})
    assert [(each.kind.word, each.kind.is_gap) for each in judge(books)] == [("nothing", False)]


def test_a_type_that_the_contract_lacks_is_told() -> None:
    key = Key(600, "refund")
    (finding,) = judge(Books(300, END_S, {"order": "orders"}, {key: one_run(7)}, {}, {}))
    assert finding.said == "The ledger accepted 7 of a type that the contract has no table for."


def test_ten_ids_are_named_of_more() -> None:
    ids = tuple(f"m{number}" for number in range(MAX_IDS))
    archive = Archive({KEY: Published(30, 30)}, {KEY: Missing(12, 3, 15, ids, ("x", "y", "z"))}, {})
    books = Books(300, END_S, {"order": "orders"}, {KEY: one_run(15)}, {KEY: Stored(15, 15)}, {}, {}, archive)
    (finding,) = judge(books)
    assert (finding.kind.word, finding.number) == ("lost", 15)
    assert finding.message_ids == ("x", "y", "z", *ids[:7])


def test_findings_that_share_missing_messages_name_the_same_ids_and_say_so() -> None:
    """12 rows were deleted and 3 events never arrived: no count tells which are which."""
    ids = tuple(f"m{number}" for number in range(MAX_IDS))
    archive = Archive({KEY: Published(50, 50)}, {KEY: Missing(15, 0, 15, ids)}, {})
    books = Books(300, END_S, {"order": "orders"}, {KEY: one_run(47)}, {KEY: Stored(35, 35)}, {}, {}, archive)
    rows, lost = judge(books)
    assert [(each.kind.word, each.number) for each in (rows, lost)] == [("rows_missing", 12), ("lost", 3)]
    assert rows.message_ids == lost.message_ids == ids
    for each in (rows, lost):
        assert " Which of the 15 missing ones of this window they are cannot be told" in each.said
