"""MD5s of files, where they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from local.stack import Stack
from pipeline import checksums
from pipeline.checksums import take_checksums
from pipeline.errors import UsageError
from pipeline.files import InputFile, find_files


def test_md5s_are_those_of_the_bytes_as_they_lie_there_in_the_order_of_the_files(tmp_path: Path) -> None:
    contents = {
        f"{number:02}.jsonl.gz": b"\x1f\x8b" + bytes([number]) * number * 70_000 for number in range(20)
    }
    contents["empty.jsonl"] = b""
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)

    found = take_checksums(find_files(f"{tmp_path}/*"))

    assert [(Path(each.file.path).name, each.md5) for each in found] == [
        (name, hashlib.md5(data).hexdigest()) for name, data in contents.items()
    ]


def test_a_file_that_is_gone_is_named_in_one_sentence(tmp_path: Path) -> None:
    gone = InputFile(f"{tmp_path}/gone.jsonl", 3)
    with pytest.raises(UsageError, match=rf"^--input_path: {gone.path} cannot be read: .*No such file"):
        take_checksums([gone])


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Bucket]:
    with Stack(tmp_path / "state", parts={"storage"}) as stack:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", stack.environment["STORAGE_EMULATOR_HOST"])
        checksums._storage_client.cache_clear()
        client = storage.Client(project="local", credentials=AnonymousCredentials())
        yield client.bucket(stack.environment["OUTPUT_BUCKET"].removeprefix("gs://"))
        checksums._storage_client.cache_clear()


def test_the_md5_of_an_object_is_the_one_that_cloud_storage_keeps(
    bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b'{"event_type": "order"}\n' * 1_000
    bucket.blob("raw/a.jsonl").upload_from_string(data)
    (file,) = find_files(f"gs://{bucket.name}/raw/*.jsonl")
    monkeypatch.setattr(checksums, "open_file", None)  # the bytes need not be fetched

    assert [each.md5 for each in take_checksums([file])] == [hashlib.md5(data).hexdigest()]


def test_an_object_without_an_md5_of_its_own_is_read(
    bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b'{"event_type": "order"}\n' * 1_000
    bucket.blob("raw/composed.jsonl").upload_from_string(data)
    (file,) = find_files(f"gs://{bucket.name}/raw/*.jsonl")
    # As of an object that was composed of others; the emulator composes none.
    monkeypatch.setattr(storage.Blob, "md5_hash", None)

    assert [each.md5 for each in take_checksums([file])] == [hashlib.md5(data).hexdigest()]
