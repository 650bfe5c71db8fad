"""Where the markers lie: in memory or in a folder here, in a Cloud Storage bucket in bucket_store.py."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import random
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from delivered import LedgerUnavailable, Stored

_MEMORY_MARKERS = 10_000


class MemoryStore:
    """For one instance, as long as it lives: a second or a later instance knows nothing of it.

    Keeps the newest 10,000 markers.
    """

    def __init__(self) -> None:
        self._stored: OrderedDict[str, Stored] = OrderedDict()
        self._versions = itertools.count(1)
        self._lock = threading.Lock()

    def get(self, key: str) -> Stored | None:
        """Return the marker, None if there is none."""
        with self._lock:
            return self._stored.get(key)

    def put(self, key: str, marker: dict[str, str], version: int) -> int | None:
        """Write if `version` is still the stored one."""
        with self._lock:
            if _version(self._stored.get(key)) != version:
                return None
            self._stored[key] = Stored(marker, next(self._versions))
            while len(self._stored) > _MEMORY_MARKERS:
                self._stored.popitem(last=False)
            return self._stored[key].version

    def delete(self, key: str, version: int) -> None:
        """Delete if `version` is still the stored one."""
        with self._lock:
            if _version(self._stored.get(key)) == version:
                del self._stored[key]


class FolderStore:
    """For all instances on one machine: a file for each marker, never deleted by us once it is settled."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        with self._locked():
            pass  # a folder that cannot be written to is found out now, not at the first alert

    def get(self, key: str) -> Stored | None:
        """Return the marker, None if there is none."""
        path = self._folder / key
        try:
            content = json.loads(path.read_text())
            return Stored(content["marker"], content["version"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError) as fault:
            raise LedgerUnavailable(f"the marker {path} cannot be read: {fault}") from fault

    def put(self, key: str, marker: dict[str, str], version: int) -> int | None:
        """Write if `version` is still the stored one."""
        try:
            with self._locked():
                if _version(self.get(key)) != version:
                    return None
                new_version = random.getrandbits(63) | 1
                self._write(key, json.dumps({"marker": marker, "version": new_version}))
                return new_version
        except OSError as fault:
            raise LedgerUnavailable(f"the marker {key} cannot be written: {fault}") from fault

    def delete(self, key: str, version: int) -> None:
        """Delete if `version` is still the stored one."""
        try:
            with self._locked():
                if _version(self.get(key)) == version:
                    (self._folder / key).unlink()
        except OSError as fault:
            raise LedgerUnavailable(f"the marker {key} cannot be deleted: {fault}") from fault

    def _write(self, key: str, text: str) -> None:
        # Renamed into place: who reads without the lock sees a whole marker or none.
        unfinished = self._folder / ".unfinished"
        with unfinished.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._folder / key)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # O_EXCL would settle who creates a marker, but not who takes an old claim over: two that both saw
        # it stale could each replace it. The lock ends with its process, however that ends.
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _version(stored: Stored | None) -> int:
    return stored.version if stored else 0
