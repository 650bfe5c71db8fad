"""Duplicates in files: found ahead, left out where the files are read, and still accounted for."""

from __future__ import annotations

import gc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import file_source, files, repeats
from pipeline.errors import PipelineError
from pipeline.repeats import fingerprint
from pipeline.transforms import look_ahead
from pipeline.transforms.look_ahead import Sighting, later_ones
from tests.backfill.shop_files import Split, plain, read_and_split, sent, write


def test_each_event_counts_once_across_files_of_all_formats(tmp_path: Path) -> None:
    ids = range(40)
    write(tmp_path / "1.jsonl", [plain(f"plain {n}", f"e{n}", 10) for n in ids])
    write(tmp_path / "2.jsonl.gz", [sent(f"zipped {n}", f"e{n}", 20) for n in ids if n % 2])
    write(tmp_path / "3.avro", [sent(f"avro {n}", f"e{n}", 5) for n in ids if n % 3 == 0])
    write(tmp_path / "4.jsonl", [plain(f"once {n}", f"once {n}") for n in range(5)])

    avro = {n for n in ids if n % 3 == 0}
    assert read_and_split(tmp_path / "*") == Split(
        sorted(
            [f"avro {n}" for n in avro]
            + [f"plain {n}" for n in ids if n not in avro]
            + [f"once {n}" for n in range(5)]
        ),
        sorted([f"plain {n}" for n in avro] + [f"zipped {n}" for n in ids if n % 2]),
        [],
    )


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.avro"])
def test_a_duplicate_is_found_in_its_own_block_and_beyond(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(files, "RANGE_BYTES", 2_500)
    others = [sent(f"other {n}", f"other {n}") for n in range(30)]
    first, near, far = (sent(tag, "e1") for tag in ("1st", "2nd", "3rd"))
    write(tmp_path / name, [first, near, *others, far])
    assert read_and_split(tmp_path / name) == Split(
        sorted(["1st", *(f"other {n}" for n in range(30))]), ["2nd", "3rd"], []
    )


def test_the_first_one_published_counts_wherever_it_stands(tmp_path: Path) -> None:
    write(tmp_path / "1.jsonl", [sent("late", "e1", 9), sent("later", "e1", 10)])
    write(tmp_path / "2.jsonl", [sent("early", "e1", 8)])
    assert read_and_split(tmp_path / "*") == Split(["early"], ["late", "later"], [])


def test_of_those_published_together_the_first_in_the_files_counts(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", [sent("in b", "e1")])
    write(tmp_path / "a.jsonl.gz", [sent("in a, first", "e1"), sent("in a, second", "e1")])
    assert read_and_split(tmp_path / "*") == Split(["in a, first"], ["in a, second", "in b"], [])


def test_the_same_id_in_another_event_type_is_no_duplicate(tmp_path: Path) -> None:
    kinds = ["inventory", "order", "user_activity"]
    write(tmp_path / "a.jsonl", [sent(kind, "e1", kind=kind) for kind in kinds])
    assert read_and_split(tmp_path / "a.jsonl", buckets=1) == Split(kinds, [], [])


def test_a_refused_message_does_not_make_a_duplicate_of_the_valid_one(tmp_path: Path) -> None:
    write(
        tmp_path / "1.jsonl", [sent("bad", "e1", 0, status="lost"), b'{"event_id":"e1","event_type":"order"']
    )
    write(
        tmp_path / "2.jsonl", [sent("good", "e1", 5), sent("again", "e1", 6), sent("bad", "e1", 7, status=1)]
    )
    assert read_and_split(tmp_path / "*") == Split(
        ["good"], ["again"], ["invalid_value", "malformed_json", "wrong_type"]
    )


def test_equal_events_without_an_id_are_duplicates(tmp_path: Path) -> None:
    same = [sent("same", None), sent("same", None)]
    write(tmp_path / "a.jsonl", [*same, sent("another", None)])
    assert read_and_split(tmp_path / "a.jsonl") == Split(["another", "same"], ["same"], [])


@pytest.mark.parametrize("bits", [0, 1, 3])
def test_different_ids_with_one_fingerprint_stay_different(
    tmp_path: Path, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "crc32", lambda data: zlib.crc32(data) % 2**bits)
    monkeypatch.setattr(repeats, "crc_hqx", lambda data, start: 0)
    assert len({fingerprint(b"e%d" % n) for n in range(20)}) <= 2**bits
    write(tmp_path / "a.jsonl", [sent(f"first {n:02}", f"e{n}") for n in range(20)])
    write(tmp_path / "b.avro", [sent("again", "e7", 1), sent("new", "e20", 1)])
    assert read_and_split(tmp_path / "*") == Split(
        [*(f"first {n:02}" for n in range(20)), "new"], ["again"], []
    )


def test_files_without_any_event_are_read_to_their_end(tmp_path: Path) -> None:
    write(tmp_path / "1.jsonl", [])
    write(tmp_path / "2.jsonl.gz", [])
    write(tmp_path / "3.avro", [])
    (tmp_path / "4.jsonl.gz").write_bytes(b"")
    (tmp_path / "5.jsonl").write_bytes(b"\r\n\n")
    assert read_and_split(tmp_path / "*") == Split([], [], [])


def fail(*_: object) -> None:
    raise PipelineError("the file is gone")


def test_the_collector_of_garbage_works_again_after_a_run_and_after_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.jsonl", [sent("a", "e1")])
    read_and_split(tmp_path / "*")
    assert gc.isenabled()
    monkeypatch.setattr(file_source, "read_chunks", fail)
    with pytest.raises(PipelineError, match=r"the file is gone.*ReadRange"):
        read_and_split(tmp_path / "*")
    assert gc.isenabled()


_sightings = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 2), st.integers(0, 100)),
    unique_by=lambda made: made[2:],
)


@given(_sightings, st.randoms())
def test_all_but_the_first_of_each_id_are_later_ones_in_whatever_order_they_come(
    made: list[tuple[str, int, int, int]], chance: object
) -> None:
    sightings = [
        Sighting(number, place, published, event_id.encode()) for event_id, published, number, place in made
    ]
    firsts = {
        min((each[1:], each) for each in made if each[0] == event_id)[1] for event_id in {e[0] for e in made}
    }
    chance.shuffle(sightings)  # type: ignore[attr-defined]
    assert sorted(each[:2] for each in later_ones(sightings)) == sorted(
        each[2:] for each in made if each not in firsts
    )


def test_a_place_in_a_block_fits_into_its_bits() -> None:
    assert files.BLOCK_BYTES < 1 << look_ahead.PLACE_BITS
