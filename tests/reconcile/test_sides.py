"""How each side is read: runs of the ledger, the manifest, messages of files, ids on disk."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.contract import load_contract
from pipeline.elements import ByteRange, RawMessage
from pipeline.errors import UsageError
from pipeline.parse import Parser
from pipeline.reconcile.archive import identified
from pipeline.reconcile.books import Counted, Key, Missing, Strange
from pipeline.reconcile.ledger import Pane, add_up
from pipeline.reconcile.manifest import Manifest, Sent, compare, read_manifest
from pipeline.reconcile.scratch import Message, Scratch
from tests.endtoend.events import event


def pane(
    starts_s: int, run_id: str | None, accepted: int, rejected: int, more: int = 0, mode: str = "streaming"
) -> Pane:
    return Pane(
        starts_s, starts_s + 60, "order", run_id, mode, accepted + rejected + more, accepted, 0, rejected
    )


def test_the_views_counts_stand_beside_what_each_run_says() -> None:
    panes = [pane(0, "a", 5, 1), pane(0, "b", 7, 0, more=2)]
    assert add_up(panes, [pane(0, None, 12, 1)], 60) == {
        Key(0, "order"): Counted(13, 12, 0, 1, 2, 7, 1, 12, 1, 2)
    }


def test_what_backfills_rejected_is_known() -> None:
    panes = [pane(0, "a", 5, 1), pane(0, "b", 5, 2, mode="backfill"), pane(0, "c", 5, 4, mode="reload")]
    (counted,) = add_up(panes, panes, 60).values()
    assert counted.loads_rejected == 6


def test_windows_of_the_ledger_add_up_in_longer_ones() -> None:
    panes = [pane(240, "a", 5, 1), pane(300, "a", 2, 0), pane(540, "a", 3, 0)]
    assert add_up(panes, panes, 300) == {
        Key(0, "order"): Counted(6, 5, 0, 1, 1, 5, 1, 5, 1),
        Key(300, "order"): Counted(5, 5, 0, 0, 1, 5, 0, 5, 0),
    }


MANIFEST = Manifest(0, 12, 2, {"order": Sent(7, 1), "inventory": Sent(2, 0)})
LEDGER = {
    Key(0, "order"): Counted(5, 4, 0, 1),
    Key(60, "order"): Counted(4, 3, 1, 0),
    Key(0, "inventory"): Counted(2, 2, 0, 0),
    Key(0, "unknown"): Counted(1, 0, 0, 1),
}


@pytest.mark.parametrize(
    ("ledger", "replayed", "said"),
    [
        (LEDGER, {}, []),
        (
            {**LEDGER, Key(0, "inventory"): Counted(1, 1, 0, 0)},
            {},
            [
                (None, 1, "The manifest says 12 published, the ledger 11 received."),
                ("inventory", 1, "The manifest says 2 valid, the ledger 1 accepted."),
            ],
        ),
        (
            {**LEDGER, Key(120, "refund"): Counted(3, 3, 0, 0)},
            {},
            [
                (None, 3, "The manifest says 12 published, the ledger 15 received."),
                ("refund", 3, "The manifest says 0 valid, the ledger 3 accepted."),
            ],
        ),
        ({**LEDGER, Key(120, "order"): Counted(2, 1, 0, 1)}, {"order": 2}, []),
        (
            {**LEDGER, Key(120, "order"): Counted(3, 3, 0, 0)},
            {"order": 2},
            [
                (None, 1, "The manifest says 14 published, the ledger 15 received."),
                (
                    "order",
                    1,
                    "The manifest says 7 to 9 with what was replayed valid, the ledger 10 accepted.",
                ),
            ],
        ),
    ],
)
def test_manifest_against_the_ledgers_totals(
    ledger: dict[Key, Counted], replayed: dict[str, int], said: list[tuple[Any, ...]]
) -> None:
    found = [(each.event_type, each.number, each.said) for each in compare(MANIFEST, ledger, replayed)]
    assert found == said


def test_a_manifest_of_the_generator_is_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    words = {"published": 3, "valid": 1, "malformed": 1, "duplicates": 1, "late": 0}
    path.write_text(json.dumps({"start": "1970-01-01T00:00:01Z", **words, "by_event_type": {"order": words}}))
    assert read_manifest(str(path)) == Manifest(1_000_000, 3, 1, {"order": Sent(1, 1)})


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"start": "yesterday"}', '{"start": 5}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"--manifest=.* is not a manifest: name the file that "):
        read_manifest(str(path))


def test_a_message_is_what_the_pipelines_parser_takes_it_for() -> None:
    parser, numbers = Parser(load_contract()), itertools.count(1)
    good = orjson.dumps(event("order", order_date="2026-03-02T10:00:00Z"))
    named = {"event_type": "order", "event_id": "e1"}

    def of(
        payload: bytes, attributes: dict[str, str], message_id: str | None, time_us: int | None
    ) -> Message:
        message = RawMessage(payload, attributes, message_id, time_us, ByteRange("a.jsonl", 0, 9))
        return identified(message, parser, numbers)

    soon_us = 1_772_445_600_000_000
    assert of(good, named, "m1", soon_us + 5) == Message("m1", "order", "e1", soon_us + 5)
    assert of(good, named, "m1", None) == Message("m1", "order", "e1", soon_us)
    assert of(b"{}", named, "m2", soon_us) == Message("m2", "order", None, soon_us)
    assert of(b"{}", {}, "m3", None) == Message("m3", "unknown", None, None)
    elsewhere = ByteRange(os.fsdecode(b"\xff.jsonl"), 0, 9)
    unnamed = identified(RawMessage(b"{}", {}, None, 7, elsewhere), parser, itertools.count(1))
    assert unnamed.message_id == "\\udcff.jsonl, number 1 without an id"
    assert of(b"{}", {}, None, 7) == Message("a.jsonl, number 1 without an id", "unknown", None, 7, False)


def test_what_lies_outside_of_the_range_accounts_for_messages_and_is_not_judged(tmp_path: Path) -> None:
    """A range of [10, 20) s, in windows of 5 s."""
    at_12_s, at_17_s, earlier = 12_000_000, 17_000_000, 1_000_000
    messages = [
        Message("before", "order", "lost-before", earlier),
        Message("first", "order", "e-repeated", earlier),
        Message("again", "order", "e-repeated", at_12_s),
        Message("late", "order", "e-late", at_12_s),
        Message("letter", "unknown", None, at_12_s),
        Message("unnamed", "unknown", None, at_12_s, False),
        Message("gone", "order", "e-gone", at_17_s),
        Message("gone", "order", "e-gone", at_17_s),
        Message("gone-again", "order", "e-gone", at_17_s + 1),
    ]
    with Scratch(tmp_path, 5, 10, 20) as scratch:
        scratch.add_messages(messages)
        scratch.add_rows("order", [("e-strange", at_12_s)])
        scratch.add_letters([("m-strange", "unknown", "parse", at_17_s)])
        assert scratch.find_missing(20) == {"order": 4, "unknown": 1}
        (unseen,) = scratch.missing_ids()
        assert unseen == (
            [("order", "e-gone"), ("order", "e-late"), ("order", "e-repeated")],
            ["again", "first", "gone", "gone-again", "late", "letter"],
        )
        scratch.add_rows("order", [("e-late", None)])
        scratch.add_letters([("first", "order", "bigquery", None), ("letter", "unknown", "parse", None)])
        archive = scratch.archive()
    assert archive.missing == {Key(15, "order"): Missing(1, 0, 2, ("gone",))}
    assert archive.strange == {
        Key(10, "order"): Strange(1, 0, ("e-strange",)),
        Key(15, "unknown"): Strange(0, 1, (), ("m-strange",)),
    }
    counts = {key: tuple(each) for key, each in archive.published.items()}
    assert counts == {Key(10, "order"): (2, 2), Key(10, "unknown"): (2, 2), Key(15, "order"): (2, 3)}


def test_only_finished_windows_are_looked_for_elsewhere(tmp_path: Path) -> None:
    with Scratch(tmp_path, 5, 0, 20) as scratch:
        scratch.add_messages([Message("a", "order", "e1", 3_000_000), Message("b", "order", "e2", 7_000_000)])
        assert scratch.find_missing(9) == {"order": 1}
        assert list(scratch.missing_ids()) == [([("order", "e1")], ["a"])]


def test_what_lies_outside_of_range_and_files_takes_no_room(tmp_path: Path) -> None:
    with Scratch(tmp_path, 5, 0, 20) as scratch:
        scratch.add_messages([Message("a", "order", "e1", 3_000_000)])
        scratch.find_missing(20)
        scratch.add_rows("order", ((f"elsewhere-{number}", None) for number in range(20_000)))
        scratch.add_letters((f"elsewhere-{number}", "order", "parse", None) for number in range(20_000))
        scratch.archive()  # which writes to the disk
        assert (tmp_path / "ids.sqlite").stat().st_size < 100_000
