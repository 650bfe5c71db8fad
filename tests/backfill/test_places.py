"""Reading a part of a file again by place, and a file without some places."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import files
from pipeline.files import cut_into_ranges, find_files, read_chunks, read_places
from pipeline.lines import read_message_at
from tests.backfill.any_lines import lines
from tests.backfill.shop_files import sent, write


def placed(made: list[bytes], line_end: bytes) -> dict[int, bytes]:
    """Each line that is not blank, by its offset."""
    found, offset = {}, 0
    for line in made:
        text = line.removesuffix(b"\r")
        if text:
            found[offset] = text
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
    texts = placed(made, line_end)
    chosen = data.draw(st.sets(st.sampled_from(sorted(texts)))) if texts else set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK_BYTES", sizes[0])
        patch.setattr(files, "RANGE_BYTES", sizes[1])
        ranges = cut_into_ranges(find_files(str(path)))
        among = {
            each: [place for place in texts if suffix != ".jsonl" or each.start <= place < each.end]
            for each in ranges
        }
        at_places = [
            pair for each in ranges for pair in read_places(each, [p for p in among[each] if p in chosen])
        ]
        chunks = [chunk for each in ranges for chunk in read_chunks(each, chosen)]
    messages = {
        place: read_message_at(each, texts[place], place, place)
        for each, places in among.items()
        for place in places
    }
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
    sources = [sent(f"m{n}", f"e{n}") for n in range(count)]
    write(path, sources)
    chosen = data.draw(st.sets(st.integers(0, count - 1))) if count else set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK_BYTES", block_bytes)
        (whole,) = cut_into_ranges(find_files(str(path)))
        messages = [replace(each, read_from=whole) for each in sources]
        at_places = list(read_places(whole, chosen))
        chunks = list(read_chunks(whole, chosen))
    assert at_places == [(place, messages[place]) for place in sorted(chosen)]
    others = [message for chunk in chunks for message in chunk.messages]
    assert others == [message for place, message in enumerate(messages) if place not in chosen]
    assert [pair for chunk in chunks for pair in chunk.apart] == at_places
