"""WriteLake over files: a chunk's large parts are files at once, its small ones wait for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import apache_beam as beam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.elements import Event
from pipeline.transforms.lake import LakeSettings, WriteLake
from tests.transforms.builders import event
from tests.transforms.streams import run_batch
from tests.transforms.test_lake_panes import HOUR, files, ids, stored

ALONE_FROM = 3


def write_lake(root: Path) -> Callable[[beam.PCollection], Mapping[str, beam.PCollection]]:
    settings = LakeSettings(str(root), window_seconds=3_600, pane_seconds=None, alone_from_rows=ALONE_FROM)

    def build(events: beam.PCollection) -> Mapping[str, beam.PCollection]:
        return {"ids": events | WriteLake(settings), "unfound": events | beam.FlatMap(lambda _: [])}

    return build


def events(text: str, event_type: str = "order", published: float = 0) -> list[Event]:
    return [event(each, event_type, published=published) for each in text]


def by_label(root: Path) -> dict[str, list[list[str]]]:
    """Sorted ids of each file, by `chunk` or `pane-0`."""
    found: dict[str, list[list[str]]] = {}
    for path, there in files(root).items():
        label = "chunk" if "-shard-0-chunk-" in path else "pane-0" if "-shard-0-pane-0-" in path else path
        found.setdefault(label, []).append(sorted(there))
    return {label: sorted(each) for label, each in found.items()}


def test_large_parts_are_files_of_their_own_and_small_ones_one_together(tmp_path: Path) -> None:
    outcome = run_batch([events("abc"), events("de"), events("fghi"), events("j")], write_lake(tmp_path))
    assert ids(outcome) == [f"m-{each}" for each in "abcdefghij"]
    assert by_label(tmp_path) == {"chunk": [list("abc"), list("fghi")], "pane-0": [list("dej")]}
    assert {str(Path(path).parent) for path in files(tmp_path)} == {HOUR}


def test_a_part_is_the_events_of_one_type_and_hour_in_a_chunk(tmp_path: Path) -> None:
    chunk = [*events("abc"), *events("de", "inventory"), *events("fgh", published=3_600)]
    run_batch([chunk], write_lake(tmp_path))
    assert by_label(tmp_path) == {"chunk": [list("abc"), list("fgh")], "pane-0": [list("de")]}
    assert [Path(path).name[:17] for path in files(tmp_path) if "-chunk-" in path] == [
        "2024-05-01T120000",
        "2024-05-01T130000",
    ]


def test_names_do_not_change_when_rows_are_processed_at_another_time(tmp_path: Path) -> None:
    chunks = [events("abc"), events("de")]
    later = [[replace(each, processed_at_us=each.processed_at_us + 1) for each in chunk] for chunk in chunks]
    run_batch(chunks, write_lake(tmp_path))
    before = files(tmp_path)
    run_batch([chunk[::-1] for chunk in later[::-1]], write_lake(tmp_path))
    assert files(tmp_path).keys() == before.keys()
    assert stored(tmp_path) == list("abcde")


def test_other_events_of_the_same_hour_have_another_name(tmp_path: Path) -> None:
    for chunk in (events("abc"), events("abd"), events("e"), events("f")):
        run_batch([chunk], write_lake(tmp_path))
    assert by_label(tmp_path) == {"chunk": [list("abc"), list("abd")], "pane-0": [["e"], ["f"]]}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["order", "inventory"]), st.sampled_from([0, 3_599, 3_600, 90_000])),
            max_size=8,
        ),
        max_size=6,
    )
)
def test_every_event_is_in_one_file_and_finished_once(
    tmp_path_factory: pytest.TempPathFactory, made: list[list[tuple[str, int]]]
) -> None:
    root = tmp_path_factory.mktemp("lake")
    chunks = [
        [event(f"{number}-{each}", kind, published=when) for each, (kind, when) in enumerate(chunk)]
        for number, chunk in enumerate(made)
    ]
    finished = [each for chunk in run_batch(chunks, write_lake(root)).outputs["ids"] for each in chunk]
    expected = sorted(each.event_id for chunk in chunks for each in chunk)
    assert stored(root) == expected
    assert sorted(finished) == [f"m-{event_id}" for event_id in expected]
    assert all(len(there) >= ALONE_FROM for path, there in files(root).items() if "-chunk-" in path)
    assert (
        max(Counter(path.rsplit("-", 2)[0] for path in files(root) if "-pane-" in path).values(), default=1)
        == 1
    )


def test_a_large_part_that_cannot_be_written_fails_the_run(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    root.write_bytes(b"a file where the folder should be")
    with pytest.raises(RuntimeError, match=r"NotADirectoryError.*WriteLake/WriteLargeParts"):
        run_batch([events("abc")], write_lake(root))
