"""Keeps the pipeline running, as systemd would with Restart=on-failure: one machine has nobody else to."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.child import python_module
from local.errors import StackError

RESTART_SECONDS = 0.2
READING = "reading projects/"
"""What the pipeline says when it has begun to read with its own source."""


class Supervisor:
    """One pipeline process at a time; a new one whenever the last has ended unasked."""

    def __init__(self, flags: Sequence[str], environment: Mapping[str, str], log_path: Path) -> None:
        """Describe what to run; what it says goes to `log_path`."""
        self._command = python_module("pipeline.main", *flags)
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._log_path = log_path
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._is_ending = threading.Event()
        self._reading = threading.Event()
        self._file_size_limit = resource.RLIM_INFINITY
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.exit_codes: list[int] = []
        """Of the processes that have ended, in order; negative for a signal."""

    def start(self) -> None:
        """Start the first process and watch over it."""
        with self._lock:
            self._spawn()
        self._watcher.start()

    def wait_until_reading(self, timeout_seconds: float = 60.0) -> float:
        """Wait for the process of now to read; returns the time. Raises: StackError, also if it is to end."""
        deadline = time.monotonic() + timeout_seconds
        while not self._reading.wait(0.1):
            if time.monotonic() > deadline or self._is_ending.is_set():
                raise StackError(
                    f"The pipeline does not read after {timeout_seconds:g} s; see {self._log_path}."
                )
        return time.time()

    def kill(self) -> None:
        """End the process with SIGKILL; another one follows."""
        with self._lock:
            self._reading.clear()
            self._signal(signal.SIGKILL)

    def limit_files(self, size_bytes: int | None) -> None:
        """Let the process of now, and its successors, make no file larger: to it, the disk is full.

        None ends it. Only regular files count; what the process says goes through a pipe.
        """
        with self._lock:
            self._file_size_limit = resource.RLIM_INFINITY if size_bytes is None else size_bytes
            if self._process is not None and self._process.poll() is None:
                _limit_files_of(self._process.pid, self._file_size_limit)

    def drain(self, timeout_seconds: float = 60.0) -> int:
        """Ask it to finish what it has and to end; returns the exit code."""
        self._is_ending.set()
        with self._lock:
            self._signal(signal.SIGTERM)
        assert self._process is not None
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return self.end()

    def end(self) -> int:
        """End it at once, if it still runs; returns the exit code."""
        self._is_ending.set()
        with self._lock:
            self._signal(signal.SIGKILL)
        return 0 if self._process is None else self._process.wait()

    def _spawn(self) -> None:
        if self._is_ending.is_set():
            return
        process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,  # held open: see local.tether
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._process = process
        if self._file_size_limit != resource.RLIM_INFINITY:
            _limit_files_of(process.pid, self._file_size_limit)
        threading.Thread(target=self._copy_lines, args=(process,), daemon=True).start()

    def _copy_lines(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with self._log_path.open("a") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                if READING in line and process is self._process:
                    self._reading.set()

    def _watch(self) -> None:
        while not self._is_ending.wait(0.05):
            with self._lock:
                code = None if self._process is None else self._process.poll()
                if code is None:
                    continue
                self._reading.clear()
                self.exit_codes.append(code)
            time.sleep(RESTART_SECONDS)
            with self._lock:
                self._spawn()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)


def _limit_files_of(pid: int, size_bytes: int) -> None:
    """Let a process of ours make no file larger than this, until the limit is set anew."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))
