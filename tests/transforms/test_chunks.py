"""GatherChunks: sizes, order and times of the chunks it makes."""

from __future__ import annotations

from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue
from hypothesis import given
from hypothesis import strategies as st

from pipeline.chunks import GatherChunks, _GatherBundle
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


def test_lists_of_a_batch_are_gathered() -> None:
    outcome = run_batch(
        [[number] for number in range(1_000)], lambda lists: {"chunks": lists | GatherChunks(400)}
    )
    assert sorted(each for chunk in outcome.outputs["chunks"] for each in chunk) == list(range(1_000))
    assert max(map(len, outcome.outputs["chunks"])) == 400
