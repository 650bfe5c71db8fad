from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.state import read_environment_file


@dataclass
class Up:
    """A `python -m local up` of its own, as a user would start it."""

    process: subprocess.Popen[str]
    state: Path
    env_file: Path

    def variables(self) -> dict[str, str]:
        deadline = time.monotonic() + 60
        while not self.env_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError("\n".join(self.process.communicate()))
            time.sleep(0.05)
        return read_environment_file(self.env_file)

    def descendants(self) -> set[int]:
        """Process ids of its living children and theirs."""
        table = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True)
        children: dict[int, list[int]] = {}
        for line in table.stdout.splitlines():
            pid, parent = map(int, line.split())
            children.setdefault(parent, []).append(pid)
        found: set[int] = set()
        waiting = [self.process.pid]
        while waiting:
            below = children.get(waiting.pop(), [])
            found.update(below)
            waiting.extend(below)
        return found

    def wait(self) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error once it has ended by itself."""
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output, errors

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal, then `wait()`; once ended, there is no output any more."""
        if self.process.returncode is not None:
            return self.process.returncode, "", ""
        self.process.send_signal(how)
        return self.wait()


@pytest.fixture(scope="module")
def start_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*flags: str, state: Path | None = None, env_file: Path | None = None) -> Up:
        folder = tmp_path_factory.mktemp("up")
        up = Up(None, state or folder / "state", env_file or folder / "stack.env")  # type: ignore[arg-type]
        up.process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--state", str(up.state), "--env-file", str(up.env_file)]
            + (["--pubsub=embedded"] if not any(flag.startswith("--pubsub=") for flag in flags) else [])
            + list(flags),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(up)
        return up

    yield start
    for up in started:
        up.end()


@pytest.fixture(scope="module")
def local_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "local", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run
