"""Chunks: sizes, order and times of what GatherChunks makes, and how they are encoded."""

from __future__ import annotations

import pytest
from apache_beam.coders import registry
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue
from hypothesis import given
from hypothesis import strategies as st

from pipeline.chunks import Chunk, ChunkCoder, GatherChunks, _GatherBundle
from tests.transforms.builders import dead_letter, event
from tests.transforms.streams import run_batch

Lists = list[tuple[int, list[int]]]
"""Timestamp in s, elements."""


def gather(lists: Lists, chunk_elements: int) -> list[WindowedValue]:
    bundle = _GatherBundle(chunk_elements)
    bundle.start_bundle()
    chunks = [each for seconds, elements in lists for each in bundle.process(elements, Timestamp(seconds))]
    return chunks + list(bundle.finish_bundle())


@given(st.lists(st.tuples(st.integers(0, 100), st.lists(st.integers(), max_size=5))), st.integers(1, 8))
def test_chunks_hold_every_element_once_in_order_and_none_is_empty(lists: Lists, size: int) -> None:
    chunks = [chunk.value for chunk in gather(lists, size)]
    assert [each for chunk in chunks for each in chunk] == [
        each for _, elements in lists for each in elements
    ]
    assert all(size <= len(chunk) < size + 5 for chunk in chunks[:-1])
    assert all(chunk for chunk in chunks)


def test_a_chunk_has_the_earliest_time_of_what_it_holds() -> None:
    chunks = gather([(50, [1]), (20, [2]), (30, [3]), (90, [4]), (80, [5])], 3)
    assert [(chunk.value, chunk.timestamp) for chunk in chunks] == [
        ([1, 2, 3], Timestamp(20)),
        ([4, 5], Timestamp(80)),
    ]
    assert chunks[0].windows == (GlobalWindow(),)


def test_a_bundle_does_not_keep_what_the_one_before_it_had() -> None:
    bundle = _GatherBundle(2)
    for _ in range(2):
        bundle.start_bundle()
        assert list(bundle.process([1], Timestamp(5))) == []
        assert [(chunk.value, chunk.timestamp) for chunk in bundle.finish_bundle()] == [([1], Timestamp(5))]


def test_chunks_given_out_do_not_change_afterwards() -> None:
    bundle = _GatherBundle(2)
    bundle.start_bundle()
    (chunk,) = bundle.process([1, 2], Timestamp(0))
    list(bundle.process([3], Timestamp(0)))
    assert chunk.value == [1, 2]


def test_large_elements_fill_a_chunk_before_many_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.chunks.CHUNK_BYTES", 10)
    bundle = _GatherBundle(4, bytes_of=len)
    bundle.start_bundle()
    lists = [["a" * 9], ["b"], ["c" * 9], ["d", "e", "f"], ["g", "h"]]
    chunks = [each for elements in lists for each in bundle.process(elements, Timestamp(0))]
    chunks += bundle.finish_bundle()
    assert [chunk.value for chunk in chunks] == [
        ["a" * 9, "b"],
        ["c" * 9, "d", "e", "f"],
        ["g", "h"],
    ]


def test_lists_of_a_batch_are_gathered() -> None:
    outcome = run_batch(
        [[number] for number in range(1_000)], lambda lists: {"chunks": lists | GatherChunks(400)}
    )
    assert sorted(each for chunk in outcome.outputs["chunks"] for each in chunk) == list(range(1_000))
    assert max(map(len, outcome.outputs["chunks"])) == 400


CHUNKS = [
    [],
    [event(f"e{number}", seconds=number) for number in range(300)],
    [dead_letter(b"\xff", {"a": "\u2028"}, message_id=None), dead_letter(published=None)],
    [["nested"], {"any": (1, None)}],
]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_chunk_is_the_same_after_encoding(chunk: list[object]) -> None:
    coder = registry.get_coder(Chunk)
    assert isinstance(coder, ChunkCoder)
    assert coder.decode(coder.encode(chunk)) == chunk


@pytest.mark.parametrize("chunk", CHUNKS[1:3])
def test_the_estimated_size_of_a_chunk_is_not_far_off(chunk: list[object]) -> None:
    coder = ChunkCoder()
    assert 0.5 < coder.estimate_size(chunk) / len(coder.encode(chunk)) < 2
    assert coder.estimate_size([]) == 0


class Counting:
    """Remembers how often one was pickled."""

    pickled = 0

    def __reduce__(self) -> tuple[type[Counting], tuple[()]]:
        Counting.pickled += 1
        return Counting, ()


def test_the_size_of_a_chunk_is_estimated_from_one_element() -> None:
    Counting.pickled = 0
    assert ChunkCoder().get_impl().estimate_size([Counting() for _ in range(1_000)]) > 1_000
    assert Counting.pickled == 1
