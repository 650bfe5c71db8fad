"""WriteLake on a stream, into a folder: no pane overwrites another, and nothing is promised too early."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet
import pytest
from apache_beam.transforms.window import IntervalWindow
from apache_beam.utils.windowed_value import PaneInfo, PaneInfoTiming
from msgspec.structs import replace

from pipeline.transforms.lake import LakeSettings, WriteLake, _WriteFile
from pipeline.transforms.lake_parts import lake_part
from tests.transforms.builders import at, event
from tests.transforms.streams import Outcome, Script, run_batch

HOUR = "processed/event_type=order/date=2024-05-01/hour=12"


def write_lake(
    root: Path, shards: int = 1, pane_seconds: int | None = 60
) -> Callable[[beam.PCollection], Mapping[str, beam.PCollection]]:
    def build(events: beam.PCollection) -> Mapping[str, beam.PCollection]:
        ids = events | WriteLake(
            LakeSettings(str(root), window_seconds=60, pane_seconds=pane_seconds, shards=shards)
        )
        return {"ids": ids, "unfound": ids | beam.ParDo(_NotInAFile(str(root)))}

    return build


class _NotInAFile(beam.DoFn):
    """Those message ids whose event is in no finished file at the moment they come out."""

    def __init__(self, root: str) -> None:
        self.root = root

    def process(self, ids: list[str]) -> Iterator[str]:
        yield from set(ids) - {f"m-{event_id}" for event_id in stored(Path(self.root))}


def files(root: Path) -> dict[str, list[str]]:
    """Path and event ids of each file."""
    return {
        str(path.relative_to(root)): pyarrow.parquet.read_table(path, partitioning=None)[
            "event_id"
        ].to_pylist()
        for path in sorted(root.rglob("*.parquet"))
    }


def stored(root: Path) -> list[str]:
    return sorted(event_id for ids in files(root).values() for event_id in ids)


def ids(outcome: Outcome) -> list[str]:
    assert outcome.outputs["unfound"] == []
    return sorted(each for chunk in outcome.outputs["ids"] for each in chunk)


def test_events_lie_in_files_of_their_type_and_hour(tmp_path: Path) -> None:
    events = [event("a"), event("b", seconds=3_600, published=3_600), event("c", "inventory")]
    outcome = Script().chunk(*events).run(write_lake(tmp_path))
    assert ids(outcome) == ["m-a", "m-b", "m-c"]
    assert {path.rsplit("/", 1)[0]: found for path, found in files(tmp_path).items()} == {
        HOUR: ["a"],
        "processed/event_type=order/date=2024-05-01/hour=13": ["b"],
        "processed/event_type=inventory/date=2024-05-01/hour=12": ["c"],
    }


def test_on_time_and_late_panes_are_files_of_their_own(tmp_path: Path) -> None:
    script = Script().chunk(event("a", seconds=10), event("b", seconds=10)).watermark(60)
    script.chunk(event("c", seconds=2)).wait(61).chunk(event("d", seconds=2))
    assert ids(script.run(write_lake(tmp_path))) == ["m-a", "m-b", "m-c", "m-d"]
    names = [path.removeprefix(f"{HOUR}/2024-05-01T120000-shard-0-pane-") for path in files(tmp_path)]
    assert len({name.split("-")[0] for name in names}) == 3
    assert list(files(tmp_path).values()) == [["a", "b"], ["c"], ["d"]]


def test_a_watermark_that_stands_still_does_not_hold_events_back(tmp_path: Path) -> None:
    Script().chunk(event("a")).wait(61).chunk(event("b", seconds=1)).run(write_lake(tmp_path))
    assert list(files(tmp_path).values()) == [["a"], ["b"]]


def test_in_a_batch_an_hour_is_written_once_per_window(tmp_path: Path) -> None:
    events = [event("a"), event("b", seconds=59), event("c", seconds=60)]
    outcome = run_batch([events[:1], events[1:]], write_lake(tmp_path, pane_seconds=None))
    assert ids(outcome) == ["m-a", "m-b", "m-c"]
    assert list(files(tmp_path).values()) == [["a", "b"], ["c"]]


def test_a_repeated_bundle_writes_the_same_file_again(tmp_path: Path) -> None:
    write = _WriteFile(LakeSettings(str(tmp_path)))
    a, b = event("a"), event("b")
    window = IntervalWindow(at(0) // 10**6, at(60) // 10**6)
    pane = PaneInfo(False, False, PaneInfoTiming.ON_TIME, 1, 0)
    for parts in (
        [lake_part([a, b])],
        [lake_part([b]), lake_part([a])],
    ):
        write.start_bundle()
        write.process((f"{HOUR.removeprefix('processed/')}#0", parts), window, pane)
        (finished,) = write.finish_bundle()
        assert sorted(finished.value) == ["m-a", "m-b"]
    assert len(files(tmp_path)) == 1
    assert stored(tmp_path) == ["a", "b"]


def test_other_rows_of_the_same_pane_have_another_name(tmp_path: Path) -> None:
    for name in "ab":
        Script().chunk(event(name)).run(write_lake(tmp_path))
    assert sorted(files(tmp_path).values()) == [["a"], ["b"]]


def test_shards_are_written_side_by_side(tmp_path: Path) -> None:
    events = [event(f"e{number}") for number in range(30)]
    outcome = Script().chunk(*events).run(write_lake(tmp_path, shards=3))
    assert len(files(tmp_path)) == 3
    assert stored(tmp_path) == sorted(each.event_id for each in events)
    assert len(ids(outcome)) == 30


def test_events_without_a_message_id_are_written(tmp_path: Path) -> None:
    nameless = event("a")
    nameless = replace(nameless, message=replace(nameless.message, given_id=None))
    assert ids(Script().chunk(nameless).run(write_lake(tmp_path))) == []
    assert stored(tmp_path) == ["a"]


def test_a_lake_that_cannot_be_written_fails_the_run_and_finishes_no_message(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    root.write_bytes(b"a file where the folder should be")
    with pytest.raises(RuntimeError, match=r"NotADirectoryError.*WriteLake/GatherParts/WriteFile"):
        Script().chunk(event("a")).run(write_lake(root))
    assert list(tmp_path.iterdir()) == [root]
