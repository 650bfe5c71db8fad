"""However files are cut and spread, the same messages are accepted, duplicates and rejected."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import files
from pipeline.elements import RawMessage
from tests.backfill.shop_files import Split, envelope, read_and_split, sent, write

NAMES = ("1.jsonl", "2.jsonl.gz", "3.avro", "4.jsonl")
_made = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from([None, *(f"e{n}" for n in range(6))]),
        st.integers(0, 3),
        st.sampled_from(["order", "order", "inventory"]),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=40,
)
"""File, id, seconds after noon, type, and 0 for one that is refused."""


def message(tag: int, made: tuple[str, str | None, int, str, int]) -> RawMessage:
    _, event_id, seconds, kind, validity = made
    fields = {} if validity else {"unexpected": 1}
    return sent(f"{tag:03}", event_id, seconds, kind, **fields)


def expected(made: list[tuple[str, str | None, int, str, int]]) -> Split:
    """What one would find who reads everything in order and remembers all ids."""
    numbered = sorted(enumerate(made), key=lambda each: (each[1][2], each[1][0], each[0]))
    seen: set[tuple[str, str]] = set()
    split = Split([], [], [])
    for tag, (_, event_id, _, kind, validity) in numbered:
        identity = (kind, f"derived from {tag}" if event_id is None else event_id)
        if not validity:
            split.rejected.append("unexpected_field")
        elif identity in seen:
            split.duplicates.append(f"{tag:03}")
        else:
            seen.add(identity)
            split.accepted.append(f"{tag:03}")
    return Split(*map(sorted, split))


@settings(max_examples=12, deadline=None)
@given(_made, st.integers(1, 3_000), st.integers(1, 5_000), st.integers(1, 9))
def test_the_split_is_the_same_however_files_are_cut(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[str, str | None, int, str, int]],
    block_bytes: int,
    range_bytes: int,
    buckets: int,
) -> None:
    folder = tmp_path_factory.mktemp("cuts")
    for name in {each[0] for each in made}:
        write(folder / name, [message(tag, each) for tag, each in enumerate(made) if each[0] == name])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK_BYTES", block_bytes)
        patch.setattr(files, "RANGE_BYTES", range_bytes)
        split = read_and_split(folder / "*", buckets)
    assert split == expected(made)
    assert sum(map(len, split)) == len(made)


def test_a_line_longer_than_ranges_and_blocks_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 100)
    monkeypatch.setattr(files, "RANGE_BYTES", 150)
    messages = [sent(tag, "e1", seconds) for seconds, tag in enumerate("abc")]
    assert min(len(envelope(each)) for each in messages) > 300
    write(tmp_path / "1.jsonl", messages)
    assert read_and_split(tmp_path / "*") == Split(["a"], ["b", "c"], [])
