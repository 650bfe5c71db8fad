"""An object is changed only if it is still the one that was looked into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import objects
from pipeline.stored_objects import (
    ChangedMeanwhile,
    StoredObject,
    delete_object,
    list_objects,
    read_object,
    replace_object,
)
from tests.function.strict_bucket import StrictBucket

PATH = "gs://lake/a/b.parquet"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictBucket]:
    strict = StrictBucket()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", strict.url)
    objects.storage_client.cache_clear()
    strict.objects["a/b.parquet"] = {"name": "a/b.parquet", "generation": "7"}
    yield strict
    objects.storage_client.cache_clear()
    strict.close()


def test_object_of_the_same_generation_is_replaced_and_deleted(bucket: StrictBucket) -> None:
    replace_object(StoredObject(PATH, 1, 7), b"new")
    generation = int(bucket.objects["a/b.parquet"]["generation"])
    assert generation != 7
    delete_object(StoredObject(PATH, 1, generation))
    assert bucket.objects == {}


@pytest.mark.parametrize("again", [False, True])
def test_what_is_replaced_keeps_its_age_for_the_retention(bucket: StrictBucket, again: bool) -> None:
    first, second = "2026-03-02T10:04:11.000000Z", "2026-03-31T08:00:00.000000Z"
    stored = {"name": "a/b.parquet", "generation": "7", "timeCreated": second if again else first}
    bucket.objects["a/b.parquet"] = stored | ({"customTime": first} if again else {})
    (listed,) = list_objects("gs://lake/a")
    replace_object(listed, b"new")
    assert bucket.objects["a/b.parquet"]["customTime"] == first


def test_object_that_was_changed_meanwhile_stays(bucket: StrictBucket) -> None:
    for act in (lambda old: replace_object(old, b"new"), delete_object):
        with pytest.raises(ChangedMeanwhile, match=f"^{PATH} was changed or deleted meanwhile$"):
            act(StoredObject(PATH, 1, 6))
    assert bucket.objects["a/b.parquet"]["generation"] == "7"


def test_file_is_replaced_and_deleted_only_as_it_was_listed(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"old")
    (path.parent / ".a.jsonl.being-written").write_bytes(b"half")
    (listed,) = list_objects(str(tmp_path))
    assert (listed.path, listed.size, read_object(listed)) == (str(path), 3, b"old")
    replace_object(listed, b"new")
    for act in (read_object, delete_object, lambda old: replace_object(old, b"mine")):
        with pytest.raises(ChangedMeanwhile):
            act(listed)
    (changed,) = list_objects(str(tmp_path))
    assert read_object(changed) == b"new"
    delete_object(changed)
    assert os.listdir(path.parent) == [".a.jsonl.being-written"]
    assert list(list_objects(str(tmp_path / "none"))) == []
