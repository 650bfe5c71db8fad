"""WriteLake over files: the large parts of a range are files at once, its small ones wait for the others."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import apache_beam as beam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.elements import ByteRange, Event
from pipeline.transforms.lake import LakeSettings, WriteLake
from tests.transforms.builders import event
from tests.transforms.streams import run_batch
from tests.transforms.test_lake_panes import HOUR, files, ids, stored

ALONE_FROM = 3
AT_ONCE = 8


def write_lake(root: Path) -> Callable[[beam.PCollection], Mapping[str, beam.PCollection]]:
    settings = LakeSettings(
        str(root), window_seconds=3_600, pane_seconds=None, alone_from_rows=ALONE_FROM, rows_at_once=AT_ONCE
    )

    def build(events: beam.PCollection) -> Mapping[str, beam.PCollection]:
        return {"ids": events | WriteLake(settings), "unfound": events | beam.FlatMap(lambda _: [])}

    return build


def of_range(number: int, *chunks: list[Event]) -> list[list[Event]]:
    """The chunks as the range `number` of a file brings them."""
    read_from = ByteRange("a.jsonl", number, number + 1)
    return [
        [replace(each, message=replace(each.message, read_from=read_from)) for each in chunk]
        for chunk in chunks
    ]


def events(text: str, event_type: str = "order", published: float = 0) -> list[Event]:
    return [event(each, event_type, published=published) for each in text]


def by_label(root: Path) -> dict[str, list[list[str]]]:
    """Sorted ids of each file, by `range` or `pane-0`."""
    found: dict[str, list[list[str]]] = {}
    for path, there in files(root).items():
        label = "range" if "-shard-0-range-" in path else "pane-0" if "-shard-0-pane-0-" in path else path
        found.setdefault(label, []).append(sorted(there))
    return {label: sorted(each) for label, each in found.items()}


def test_the_large_parts_of_a_range_are_files_of_their_own_and_small_ones_one_together(
    tmp_path: Path,
) -> None:
    first = of_range(0, events("ab"), events("c"))
    rest = [*of_range(1, events("de")), *of_range(2, events("fghi")), *of_range(3, events("j"))]
    run_batch([*first, *rest], write_lake(tmp_path))
    assert by_label(tmp_path) == {"range": [list("abc"), list("fghi")], "pane-0": [list("dej")]}
    assert {str(Path(path).parent) for path in files(tmp_path)} == {HOUR}


def test_a_part_is_the_events_of_one_type_and_hour(tmp_path: Path) -> None:
    chunk = [*events("abc"), *events("d", "inventory"), *events("fg", published=3_600)]
    again = [*events("e", "inventory"), *events("h", published=3_600)]
    run_batch(of_range(0, chunk, again), write_lake(tmp_path))
    assert by_label(tmp_path) == {"range": [list("abc"), list("fgh")], "pane-0": [list("de")]}
    assert [Path(path).name[:17] for path in files(tmp_path) if "-range-" in path] == [
        "2024-05-01T120000",
        "2024-05-01T130000",
    ]


def test_a_range_of_many_rows_is_written_in_turns(tmp_path: Path) -> None:
    chunks = [events("abc"), events("def"), events("ghijklmnop"), events("q")]
    run_batch(of_range(0, *chunks), write_lake(tmp_path))
    assert by_label(tmp_path) == {"range": [list("abcdef"), list("ghijklmnop")], "pane-0": [["q"]]}


def test_names_change_neither_with_the_time_of_processing_nor_with_who_takes_which_range(
    tmp_path: Path,
) -> None:
    chunks = [events("abc"), events("de"), events("f")]
    later = [[replace(each, processed_at_us=each.processed_at_us + 1) for each in chunk] for chunk in chunks]
    run_batch([*of_range(0, *chunks[:2]), *of_range(1, chunks[2])], write_lake(tmp_path))
    before = files(tmp_path)
    run_batch([*of_range(1, later[2]), *of_range(0, *later[:2])], write_lake(tmp_path))
    assert files(tmp_path).keys() == before.keys()
    assert stored(tmp_path) == list("abcdef")


def test_other_events_of_the_same_hour_have_another_name(tmp_path: Path) -> None:
    for chunk in (events("abc"), events("abd"), events("e"), events("f")):
        run_batch(of_range(0, chunk), write_lake(tmp_path))
    assert by_label(tmp_path) == {"range": [list("abc"), list("abd")], "pane-0": [["e"], ["f"]]}


def test_messages_from_no_file_are_finished_with_their_files(tmp_path: Path) -> None:
    outcome = run_batch([events("abc"), events("d", "inventory")], write_lake(tmp_path))
    assert ids(outcome) == [f"m-{each}" for each in "abcd"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(
            st.lists(
                st.tuples(
                    st.sampled_from(["order", "inventory"]), st.sampled_from([0, 3_599, 3_600, 90_000])
                ),
                min_size=1,
                max_size=8,
            ),
            max_size=4,
        ),
        max_size=4,
    )
)
def test_every_event_is_in_one_file(
    tmp_path_factory: pytest.TempPathFactory, made: list[list[list[tuple[str, int]]]]
) -> None:
    root = tmp_path_factory.mktemp("lake")
    serials = itertools.count()
    chunks = [
        chunk
        for number, there in enumerate(made)
        for chunk in of_range(
            number,
            *([event(f"{next(serials)}", kind, published=at) for kind, at in chunk] for chunk in there),
        )
    ]
    run_batch(chunks, write_lake(root))
    assert stored(root) == sorted(each.event_id for chunk in chunks for each in chunk)
    assert all(
        ALONE_FROM <= len(there) <= AT_ONCE for path, there in files(root).items() if "-range-" in path
    )
    assert (
        max(Counter(path.rsplit("-", 2)[0] for path in files(root) if "-pane-" in path).values(), default=1)
        == 1
    )


def test_a_large_part_that_cannot_be_written_fails_the_run(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    root.write_bytes(b"a file where the folder should be")
    with pytest.raises(RuntimeError, match=r"NotADirectoryError.*WriteLake/WriteLargeParts"):
        run_batch(of_range(0, events("abc")), write_lake(root))
