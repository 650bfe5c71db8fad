"""ObjectWriter: objects are written side by side, a bundle ends when all are there, and a failure ends it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pipeline import objects
from pipeline.objects import WRITES_AT_ONCE, ObjectWriter

PATIENCE_SECONDS = 10.0


class Gate:
    """Lets writes end when it opens."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.opens = threading.Event()
        self.written: list[str] = []

    def write(self, path: str, data: bytes) -> None:
        self.begun.release()
        assert self.opens.wait(PATIENCE_SECONDS)
        self.written.append(path)

    def has_begun(self, count: int) -> bool:
        return all(self.begun.acquire(timeout=PATIENCE_SECONDS) for _ in range(count))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(objects, "write_object", gate.write)
    return gate


def test_all_are_written_when_it_has_finished(tmp_path: Path) -> None:
    writer = ObjectWriter()
    for number in range(20):
        writer.write(str(tmp_path / f"{number % 5}" / f"{number}"), b"%d" % number)
    writer.finish()
    found = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {str(number): b"%d" % number for number in range(20)}


def test_writes_are_under_way_together_and_the_end_waits_for_them(gate: Gate) -> None:
    writer = ObjectWriter()
    paths = [f"{number}" for number in range(WRITES_AT_ONCE)]
    for path in paths:
        writer.write(path, b"")
    assert gate.has_begun(WRITES_AT_ONCE)
    finishing = threading.Thread(target=writer.finish)
    finishing.start()
    finishing.join(0.2)
    assert finishing.is_alive()
    gate.opens.set()
    finishing.join(PATIENCE_SECONDS)
    assert sorted(gate.written) == paths


def test_one_more_than_may_be_under_way_waits(gate: Gate) -> None:
    writer = ObjectWriter()
    for number in range(WRITES_AT_ONCE):
        writer.write(f"{number}", b"")
    another = threading.Thread(target=writer.write, args=("another", b""))
    another.start()
    another.join(0.2)
    assert another.is_alive()
    gate.opens.set()
    another.join(PATIENCE_SECONDS)
    writer.finish()
    assert len(gate.written) == WRITES_AT_ONCE + 1


def test_what_a_write_has_raised_is_raised_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    writer = ObjectWriter()
    writer.write(str(tmp_path / "file" / "in-it"), b"")
    writer.write(str(tmp_path / "other"), b"2")
    with pytest.raises(OSError, match="file"):
        writer.finish()


def test_what_a_write_has_raised_keeps_others_from_being_begun(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    writer = ObjectWriter()
    for number in range(WRITES_AT_ONCE):
        writer.write(str(tmp_path / "file" / f"{number}"), b"")
    with pytest.raises(OSError, match="file"):
        writer.write(str(tmp_path / "another"), b"")
    assert not (tmp_path / "another").exists()
