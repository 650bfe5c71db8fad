"""Reading a part of a file again by place, and a file without some places."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import files
from pipeline.elements import RawMessage
from pipeline.files import cut_into_ranges, find_files, read_chunks, read_places
from pipeline.lines import read_message_at
from tests.backfill.any_lines import lines
from tests.backfill.shop_files import sent, write


def placed(path: Path, made: list[bytes], line_end: bytes) -> dict[int, RawMessage]:
    """Each line that is not blank, by its offset."""
    found, offset = {}, 0
    for line in made:
        text = line.removesuffix(b"\r")
        if text:
            found[offset] = read_message_at(str(path), text, offset, offset)
        offset += len(line) + len(line_end)
    return found


@settings(max_examples=100, deadline=None)
@given(
    st.lists(lines(), max_size=12),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([".jsonl", ".jsonl.gz"]),
    st.tuples(st.integers(1, 700), st.integers(1, 900)),
    st.data(),
)
def test_lines_are_read_at_their_places_and_all_others_without_them(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[bytes],
    line_end: bytes,
    suffix: str,
    sizes: tuple[int, int],
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("places") / f"a{suffix}"
    write(path, [line + line_end.removesuffix(b"\n") for line in made])
    messages = placed(path, made, line_end)
    chosen = data.draw(st.sets(st.sampled_from(sorted(messages)))) if messages else set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK_BYTES", sizes[0])
        patch.setattr(files, "RANGE_BYTES", sizes[1])
        ranges = cut_into_ranges(find_files(str(path)))
        at_places = [
            pair
            for each in ranges
            for pair in read_places(
                each, [p for p in chosen if suffix != ".jsonl" or each.start <= p < each.end]
            )
        ]
        chunks = [chunk for each in ranges for chunk in read_chunks(each, chosen)]
    assert at_places == [(place, messages[place]) for place in sorted(chosen)]
    others = [message for chunk in chunks for message in chunk.messages]
    assert others == [message for place, message in messages.items() if place not in chosen]
    assert [pair for chunk in chunks for pair in chunk.apart] == at_places


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 12), st.integers(1, 1_500), st.data())
def test_records_are_read_at_their_places_and_all_others_without_them(
    tmp_path_factory: pytest.TempPathFactory, count: int, block_bytes: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("places") / "a.avro"
    messages = [replace(sent(f"m{n}", f"e{n}"), file=str(path)) for n in range(count)]
    write(path, messages)
    chosen = data.draw(st.sets(st.integers(0, count - 1))) if count else set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK_BYTES", block_bytes)
        (whole,) = cut_into_ranges(find_files(str(path)))
        at_places = list(read_places(whole, chosen))
        chunks = list(read_chunks(whole, chosen))
    assert at_places == [(place, messages[place]) for place in sorted(chosen)]
    others = [message for chunk in chunks for message in chunk.messages]
    assert others == [message for place, message in enumerate(messages) if place not in chosen]
    assert [pair for chunk in chunks for pair in chunk.apart] == at_places
