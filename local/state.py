"""The state folder: what the stack keeps between runs, and who works on it now."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from local.errors import StackError, StateInUseError

# A folder without this file is not ours, and never emptied.
_LOCK_FILE = "stack.lock"


class StateFolder:
    """Paths below one state folder, its lock, and the variables of the stack that runs on it."""

    def __init__(self, path: Path | str) -> None:
        """Name the folder; nothing is created before `lock()`."""
        self.path = Path(path).absolute()
        self._lock: IO[str] | None = None

    @property
    def logs(self) -> Path:
        """Where each part writes its log."""
        return self.path / "logs"

    @property
    def bigquery(self) -> Path:
        """The warehouse's data."""
        return self.path / "bigquery"

    @property
    def storage(self) -> Path:
        """The buckets' objects."""
        return self.path / "storage"

    @property
    def alerts(self) -> Path:
        """What the function delivered, and what it remembers."""
        return self.path / "alerts"

    @property
    def _variables_file(self) -> Path:
        return self.path / "environment.json"

    def lock(self) -> None:
        """Create the folder and hold it until `unlock()` or the end of this process.

        Raises: StateInUseError if another process holds it, StackError if it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / _LOCK_FILE).open("a+")
        except OSError as error:
            raise StackError(f"The state folder {self.path} cannot be written: {error.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise StateInUseError(
                f"A stack already works on {self.path} (process {holder}): "
                "end it first, or use another --state."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock
        self._variables_file.unlink(missing_ok=True)  # of a stack that was killed

    def unlock(self) -> None:
        """Let others use the folder, if this object holds it."""
        if self._lock is not None:
            self._variables_file.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def clear(self) -> None:
        """Remove what earlier runs left; needs the lock."""
        for entry in self.path.iterdir():
            if entry.name == _LOCK_FILE:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def holds_foreign_files(self) -> bool:
        """Whether the folder exists, is not empty and never was a state folder."""
        if not self.path.is_dir() or (self.path / _LOCK_FILE).is_file():
            return False
        return any(self.path.iterdir())

    def has_data(self) -> bool:
        """Whether a stack has left a warehouse here."""
        return any(self.bigquery.glob("*.duckdb"))

    def record(self, variables: Mapping[str, str]) -> None:
        """Say to other processes where the running stack is."""
        write_atomically(self._variables_file, json.dumps(variables, indent=2))

    def recorded(self) -> dict[str, str] | None:
        """Return what the running stack recorded, or None if it has not (yet)."""
        try:
            variables: dict[str, str] = json.loads(self._variables_file.read_text())
        except FileNotFoundError:
            return None
        return variables


def write_environment_file(path: Path, variables: Mapping[str, str]) -> None:
    """Write KEY=VALUE lines that a POSIX shell can source; the file appears complete or not at all."""
    write_atomically(path, "".join(f"{key}={shlex.quote(value)}\n" for key, value in variables.items()))


def read_environment_file(path: Path) -> dict[str, str]:
    """Return the variables that `write_environment_file` wrote."""
    lines = (line.partition("=") for line in path.read_text().splitlines())
    return {key: shlex.split(value)[0] if value else "" for key, _, value in lines}


def write_atomically(path: Path, text: str) -> None:
    """Replace the file at `path` in one step."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)
