"""A program as a whole: wall time, CPU time and memory of it and of everything it starts. Linux only."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

SAMPLE_SECONDS = 0.2
"""Each look at the processes takes milliseconds of a core, which the measured program may want."""
PROPORTIONAL_EVERY = 5
"""Samples from one look at proportional sizes to the next: the kernel walks all pages for them."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PR_SET_CHILD_SUBREAPER = 36
_TAIL_LINES = 15


class Took(NamedTuple):
    """What a program took."""

    seconds: float
    """From its start to its end, start-up included."""
    cpu_seconds: float
    """User and system time of all its processes."""
    peak_bytes: int
    """Largest sum of the processes' resident memory, sampled; memory they share counts in each of them."""
    peak_proportional_bytes: int
    """The same with shared memory divided by the number of its users (PSS): what the machine must have."""
    largest_process_bytes: int
    """Largest resident memory of a single process, sampled."""
    output: str
    """What it printed, standard error included."""


class ProgramFailed(Exception):
    """A program ended with another code than 0; the message ends with the last lines it printed."""


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends, so that their CPU time is not lost."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def run_program(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, timeout: float = 3_600
) -> Took:
    """Run `command` to its end; what it prints goes to `log`. Raises ProgramFailed.

    Nothing else may be a child of this process that ends meanwhile.
    """
    before, begun = _children_cpu_seconds(), time.perf_counter()
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    sampler = _Sampler(process.pid)
    sampler.start()
    try:
        code = process.wait(timeout)
        seconds = time.perf_counter() - begun
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        sampler.end()
        _reap(sampler.seen - {process.pid})
    output = log.read_text(errors="replace")
    if code != 0:
        tail = "\n".join(output.splitlines()[-_TAIL_LINES:])
        raise ProgramFailed(f"{' '.join(command[:4])} … ended with code {code}:\n{tail}")
    cpu_seconds = _children_cpu_seconds() - before
    return Took(
        seconds,
        cpu_seconds,
        sampler.peak_bytes,
        sampler.peak_proportional_bytes,
        sampler.largest_bytes,
        output,
    )


class _Sampler(threading.Thread):
    """Looks at a process and its descendants every `SAMPLE_SECONDS`."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self.peak_proportional_bytes = 0
        self.largest_bytes = 0
        self.seen: set[int] = set()
        self._pid = pid
        self._ended = threading.Event()

    def run(self) -> None:
        """Sample until `end` is called."""
        samples = 0
        while not self._ended.wait(SAMPLE_SECONDS):
            samples += 1
            pids = _tree(self._pid)
            self.seen.update(pids)
            sizes = [_resident_bytes(pid) for pid in pids]
            self.peak_bytes = max(self.peak_bytes, sum(sizes))
            self.largest_bytes = max(self.largest_bytes, *sizes)
            if samples % PROPORTIONAL_EVERY == 0:
                proportional = sum(map(_proportional_bytes, pids))
                self.peak_proportional_bytes = max(self.peak_proportional_bytes, proportional)

    def end(self) -> None:
        """Stop sampling."""
        self._ended.set()
        self.join()


def _tree(pid: int) -> list[int]:
    """A process and its descendants, as far as they are still there."""
    pids = [pid]
    for each in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in os.listdir(f"/proc/{each}/task"):
                pids += map(int, Path(f"/proc/{each}/task/{task}/children").read_text().split())
    return pids


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1_024 for line in lines if line.startswith("Pss:")), 0)


def _reap(pids: set[int], patience_seconds: float = 5.0) -> None:
    """Wait for adopted orphans, which then count among our children; end those that stay."""
    deadline = time.monotonic() + patience_seconds
    for pid in pids:
        while True:
            try:
                ended, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                break  # its own parent has waited for it
            if ended:
                break
            if time.monotonic() > deadline:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
