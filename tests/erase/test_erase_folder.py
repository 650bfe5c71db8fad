"""A lake in a folder, without a warehouse; what is said of wrong flags and of what cannot be done yet."""

from __future__ import annotations

import gzip
import hashlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from google.api_core.exceptions import BadRequest

from pipeline.erase.__main__ import main
from pipeline.erase.warehouse import is_still_streaming
from pipeline.stored_objects import ChangedMeanwhile, StoredObject, delete_object, replace_object
from tests.options.complaints import complaint_of

MINE, OTHERS = (orjson.dumps({"customer_id": id_, "status": "lost"}) for id_ in ("C1", "C2"))


def arguments(lake: Path, plan: Path, *flags: str) -> list[str]:
    return ["--customer_id=C1", "--bq_dataset=none", f"--output_bucket={lake}", f"--plan={plan}", *flags]


def letter_row(number: int, payload: bytes | None, **attributes: str) -> bytes:
    listed = [{"key": key, "value": value} for key, value in attributes.items()]
    row = {"dead_letter_id": f"l{number}", "attributes": listed}
    if payload is not None:
        row["payload"] = b64encode(payload).decode()
    return orjson.dumps(row)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    archived = gzip.compress(MINE + b"\n" + OTHERS + b"\n")
    files = {
        "raw/a.jsonl.gz": archived,
        "tables/dead_letters/a.jsonl": b"\n".join(
            [letter_row(1, MINE), letter_row(2, OTHERS), letter_row(3, None)]
        ),
        "tables/dead_letters/loading/b.jsonl": b"\n".join([letter_row(5, MINE), letter_row(6, OTHERS)]),
        "dead_letters/date=2026-03-02/l3.bin": MINE,
        "dead_letters/date=2026-03-02/l4.bin": OTHERS,
        "tables/_load_metadata/a.jsonl": orjson.dumps({"md5": md5(archived), "bytes": 1, "run_id": "run"}),
    }
    for name, data in files.items():
        path = tmp_path / "lake" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "lake"


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def test_a_person_is_removed_from_a_lake_without_a_warehouse(lake: Path, tmp_path: Path) -> None:
    assert main(arguments(lake, tmp_path / "plan", "--apply")) == 0
    archive = lake / "raw" / "a.jsonl.gz"
    assert gzip.decompress(archive.read_bytes()) == OTHERS + b"\n"
    assert (lake / "tables/dead_letters/a.jsonl").read_bytes() == letter_row(2, OTHERS)
    assert (lake / "tables/dead_letters/loading/b.jsonl").read_bytes() == letter_row(6, OTHERS)
    assert [path.name for path in lake.glob("dead_letters/*/*")] == ["l4.bin"]
    loads = [orjson.loads(path.read_bytes()) for path in sorted(lake.glob("tables/_load_metadata/*"))]
    new = archive.read_bytes()
    assert {"md5": md5(new), "bytes": len(new), "run_id": "run"} in loads
    assert len(loads) == 2
    before = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()}
    assert main(arguments(lake, tmp_path / "plan", "--apply")) == 0
    assert {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()} == before


def test_a_lake_in_which_nothing_lies_is_asked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(arguments(tmp_path / "empty", tmp_path / "plan")) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"\nno file of the pipeline lies under {tmp_path}/empty: is that the lake?\n")


def test_files_that_a_backfill_may_be_reading_are_told_of_before_they_change(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warning = "files of raw/ will change: let no backfill read them meanwhile\n"
    assert main(arguments(lake, tmp_path / "plan")) == 0
    assert capsys.readouterr().out.endswith(f"then add --apply\n{warning}")
    (lake / "raw/a.jsonl.gz").unlink()
    assert main(arguments(lake, tmp_path / "plan")) == 0
    assert capsys.readouterr().out.endswith("then add --apply\n")


def test_what_cannot_be_read_is_named_and_all_else_is_done(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = lake / "raw" / "damaged.jsonl.gz"
    damaged.write_bytes(gzip.compress(MINE)[:-4])
    assert main(arguments(lake, tmp_path / "plan", "--apply")) == 1
    said = capsys.readouterr().out
    assert f"left: {damaged} cannot be read: " in said
    assert not (lake / "dead_letters/date=2026-03-02/l3.bin").exists()


PAYLOAD_OF_ATTRIBUTES = b'{"street":"Lindenweg 4"'


def add_letter_told_by_its_row_alone(lake: Path) -> None:
    row = b"\n" + letter_row(5, None, customer_id="C1")
    (lake / "tables/dead_letters/a.jsonl").open("ab").write(row)
    (lake / "dead_letters/date=2026-03-02/l5.bin").write_bytes(PAYLOAD_OF_ATTRIBUTES)


def test_large_letter_with_the_id_in_an_attribute_alone_goes_with_its_payload(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_letter_told_by_its_row_alone(lake)
    assert main(arguments(lake, tmp_path / "plan", "--apply")) == 0
    assert "2  entries of 2 objects under dead_letters/; 2 of the objects go" in capsys.readouterr().out
    assert [path.name for path in lake.glob("dead_letters/*/*")] == ["l4.bin"]
    assert (lake / "tables/dead_letters/a.jsonl").read_bytes() == letter_row(2, OTHERS)


CHANGES = 5
"""Objects that are deleted or written anew: two payloads, two files of rows, one of raw/."""


class Killed(Exception):
    """Stands for a signal that nobody can catch."""


@pytest.mark.parametrize("changes", range(CHANGES + 1))
def test_wherever_a_run_ends_the_same_command_goes_on(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    add_letter_told_by_its_row_alone(lake)
    monkeypatch.setattr("pipeline.erase.lake.THREADS", 1)
    done: list[str] = []

    def stop(act: Callable[..., None]) -> Callable[..., None]:
        def run(stored: StoredObject, *data: bytes) -> None:
            if len(done) == changes:
                raise Killed
            act(stored, *data)
            done.append(stored.path)

        return run

    with monkeypatch.context() as patched:
        for act in (delete_object, replace_object):
            patched.setattr(f"pipeline.erase.lake.{act.__name__}", stop(act))
        if changes < CHANGES:
            with pytest.raises(Killed):
                main(arguments(lake, tmp_path / "plan", "--apply"))
        else:
            assert main(arguments(lake, tmp_path / "plan", "--apply")) == 0
    assert len(done) == changes
    assert main(arguments(lake, tmp_path / "plan", "--apply")) == 0
    assert [path.name for path in lake.glob("dead_letters/*/*")] == ["l4.bin"]
    assert (lake / "tables/dead_letters/a.jsonl").read_bytes() == letter_row(2, OTHERS)
    assert gzip.decompress((lake / "raw/a.jsonl.gz").read_bytes()) == OTHERS + b"\n"


def test_payload_stays_while_its_row_does(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = lake / "tables/dead_letters/a.jsonl"
    with monkeypatch.context() as patched:

        def refuse(stored: StoredObject, data: bytes) -> None:
            if stored.path == str(rows):
                raise ChangedMeanwhile(f"{stored.path} was changed or deleted meanwhile")
            replace_object(stored, data)

        patched.setattr("pipeline.erase.lake.replace_object", refuse)
        assert main(arguments(lake, tmp_path / "plan", "--apply")) == 1
    assert f"left: {rows} was changed or deleted meanwhile: run this again" in capsys.readouterr().out
    assert (lake / "dead_letters/date=2026-03-02/l3.bin").exists()
    assert main(arguments(lake, tmp_path / "plan", "--apply")) == 0
    assert rows.read_bytes() == letter_row(2, OTHERS)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--bq_dataset is missing: name PROJECT:DATASET, or none."),
        (["--bq_dataset=none"], "--output_bucket is missing: name gs://BUCKET or a local folder."),
        (
            ["--bq_dataset=none", "--output_bucket=lake"],
            "nobody is named: give --customer_id, --user_id, or both.",
        ),
        (["--custmer_id=secret"], "--custmer_id is not a flag of the erasure: did you mean --customer_id?"),
        (
            ["--customer_id=C1", "--bq_dataset=none", "--output_bucket=my-lake"],
            "--output_bucket=my-lake is no folder of this machine; a bucket is gs://BUCKET.",
        ),
        (
            ["--customer_id=\udcff", "--bq_dataset=none", "--output_bucket=."],
            "--customer_id is not UTF-8: is the terminal set to another encoding?",
        ),
        (["--customer_id="], "--customer_id= does not have the form 1 to 1,000 characters."),
        (
            ["--apply=perhaps"],
            "argument --apply: 'perhaps' is neither true nor false; --help lists the flags.",
        ),
    ],
)
def test_wrong_flag_is_one_line(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint_of(main, flags, capsys) == said


def test_rows_that_bigquery_cannot_delete_yet_are_told_from_a_wrong_statement() -> None:
    buffered = "UPDATE or DELETE statement over table orders would affect rows in the streaming buffer"
    assert is_still_streaming(BadRequest(f"{buffered}, which is not supported"))
    assert not is_still_streaming(BadRequest("Unrecognized name: customer_id"))
