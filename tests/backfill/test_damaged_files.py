"""Files that are cut off, damaged or not what their name says: one sentence that names the file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline.main import main
from tests.backfill.shop_files import envelope, sent, write

MESSAGES = [sent(f"m{n}", f"e{n}", n % 50) for n in range(3_000)]
TEXT = b"".join(envelope(each) + b"\n" for each in MESSAGES)


def backfill(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and the last line that is said."""
    code = main(
        [
            *("--is_backfill", f"--input_path={folder}/in/*", f"--output_bucket={folder}/lake"),
            *("--bq_dataset=none", "--dlq_topic=none", "--alerts_topic=none"),
        ]
    )
    said = capsys.readouterr().err.splitlines()
    return code, said[-1] if said else ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose `in` has one good file already."""
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "0.jsonl", MESSAGES[:5])
    return tmp_path


def not_gzip(path: Path) -> None:
    path.with_suffix(".gz").write_bytes(TEXT)


def avro_cut(path: Path) -> None:
    whole = write(path.with_suffix(".avro"), MESSAGES)
    whole.write_bytes(whole.read_bytes()[:-100])


def not_avro(path: Path) -> None:
    path.with_suffix(".avro").write_bytes(TEXT)


def text_that_is_avro(path: Path) -> None:
    path.with_suffix(".avro").write_bytes(b"Obj\x01" + b"\xff" * 50)


@pytest.mark.parametrize("make", [not_gzip, avro_cut, not_avro, text_that_is_avro])
def test_what_shows_at_once_ends_with_code_2_before_anything_is_written(
    folder: Path, make, capsys: pytest.CaptureFixture[str]
) -> None:
    make(folder / "in" / "bad")
    (bad,) = (folder / "in").glob("bad*")
    code, said = backfill(folder, capsys)
    assert (code, said.startswith(f"error: --input_path: {bad} ")) == (2, True), said
    assert said.endswith(".")
    assert not (folder / "lake").exists()


def gzip_cut(path: Path) -> None:
    data = gzip.compress(TEXT)
    path.with_suffix(".gz").write_bytes(data[: len(data) // 2])


def gzip_without_its_end(path: Path) -> None:
    path.with_suffix(".gz").write_bytes(gzip.compress(TEXT)[:-8])


def gzip_with_other_bytes(path: Path) -> None:
    data = bytearray(gzip.compress(TEXT))
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    path.with_suffix(".gz").write_bytes(data)


def gzip_that_does_not_inflate(path: Path) -> None:
    data = bytearray(gzip.compress(TEXT))
    data[10] = 0xFF  # the first block is of a kind that does not exist
    path.with_suffix(".gz").write_bytes(data)


def gzip_with_a_wrong_checksum(path: Path) -> None:
    data = bytearray(gzip.compress(TEXT))
    data[-8] ^= 1
    path.with_suffix(".gz").write_bytes(data)


def gzip_with_text_behind_it(path: Path) -> None:
    path.with_suffix(".gz").write_bytes(gzip.compress(TEXT) + b"and so on")


def avro_with_other_bytes(path: Path) -> None:
    whole = write(path.with_suffix(".avro"), MESSAGES)
    data = bytearray(whole.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40_000] = b"\xff" * 40_000
    whole.write_bytes(data)


@pytest.mark.parametrize(
    "make",
    [
        gzip_cut,
        gzip_without_its_end,
        gzip_with_other_bytes,
        gzip_that_does_not_inflate,
        gzip_with_a_wrong_checksum,
        gzip_with_text_behind_it,
        avro_with_other_bytes,
    ],
)
def test_what_shows_only_further_on_ends_with_code_1_before_anything_is_written(
    folder: Path, make, capsys: pytest.CaptureFixture[str]
) -> None:
    make(folder / "in" / "bad")
    (bad,) = (folder / "in").glob("bad*")
    code, said = backfill(folder, capsys)
    assert (code, str(bad) in said) == (1, True), said
    assert "cut off" in said or "damaged" in said
    assert not (folder / "lake").exists()


def test_several_gzip_streams_in_one_file_are_read_to_the_last(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [b"".join(envelope(each) + b"\n" for each in MESSAGES[at : at + 10]) for at in (10, 20, 30)]
    (folder / "in" / "more.jsonl.gz").write_bytes(b"".join(map(gzip.compress, parts)))
    code, _ = backfill(folder, capsys)
    assert code == 0
    (loads,) = (folder / "lake" / "tables" / "_load_metadata").glob("*.jsonl")
    assert b'"rows":30,"accepted":30' in loads.read_bytes()
