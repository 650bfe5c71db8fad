"""Finding and reading files in ranges."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import files
from pipeline.elements import ByteRange
from pipeline.errors import UsageError
from pipeline.files import cut_into_ranges, find_files, read_chunks


def payloads(ranges: tuple[ByteRange, ...] | list[ByteRange]) -> list[bytes]:
    return [message.payload for each in ranges for chunk in read_chunks(each) for message in chunk.messages]


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b""))),
    line_end=st.sampled_from([b"\n", b"\r\n"]),
    cuts=st.sets(st.integers(0, 200)),
    last_end=st.booleans(),
    block_bytes=st.integers(1, 40),
)
def test_wherever_a_file_is_cut_each_line_is_read_once(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    line_end: bytes,
    cuts: set[int],
    last_end: bool,
    block_bytes: int,
) -> None:
    data = line_end.join(lines) + (line_end if last_end else b"")
    path = tmp_path_factory.mktemp("cut") / "events.jsonl"
    path.write_bytes(data)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    ranges = [ByteRange(str(path), start, end) for start, end in pairwise(edges)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK_BYTES", block_bytes)
        assert payloads(ranges) == [line for line in lines if line]


def test_a_compressed_file_is_read_like_a_plain_one(tmp_path: Path) -> None:
    lines = [b'{"n":%d}' % n for n in range(5_000)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    assert payloads(cut_into_ranges(find_files(f"{tmp_path}/a.jsonl"))) == lines
    assert payloads(cut_into_ranges(find_files(f"{tmp_path}/b.jsonl.gz"))) == lines


def test_message_ids_do_not_depend_on_where_a_file_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"first\nsecond\nthird\n")
    whole = [m.message_id for chunk in read_chunks(ByteRange(str(path), 0, 19)) for m in chunk.messages]
    cut = [
        m.message_id
        for each in (ByteRange(str(path), 0, 3), ByteRange(str(path), 3, 19))
        for chunk in read_chunks(each)
        for m in chunk.messages
    ]
    assert whole == cut == [f"{path}:0", f"{path}:6", f"{path}:13"]


def test_a_glob_takes_every_match_in_order_and_empty_files_are_nothing(tmp_path: Path) -> None:
    for name, text in (("2.jsonl", "b\n"), ("1.jsonl", "a\n"), ("3.jsonl", "")):
        (tmp_path / name).write_text(text)
    assert payloads(cut_into_ranges(find_files(f"{tmp_path}/*.jsonl"))) == [b"a", b"b"]


def test_a_large_file_is_several_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "RANGE_BYTES", 10)
    (tmp_path / "a.jsonl").write_bytes(b"x" * 25)
    assert [(each.start, each.end) for each in cut_into_ranges(find_files(f"{tmp_path}/a.jsonl"))] == [
        (0, 13),
        (13, 25),
    ]


def test_no_match_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="matches no file"):
        find_files(f"{tmp_path}/*.jsonl")


def test_a_match_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "broken.jsonl").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"matches no file|cannot be (read|listed)"):
        find_files(f"{tmp_path}/*.jsonl")
