"""One live run on a laptop stack of its own: generator and pipeline as processes, and what they took."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from local.demo import PIPELINE_FLAGS
from local.names import pipeline_flags
from local.resources import bigquery_client
from local.stack import LISTENING_PARTS, Stack
from pipeline.contract import load_contract

IDLE_SECONDS = 8
"""How long a paced run waits for more: longer than the generator takes to start."""
BACKLOG_IDLE_SECONDS = 1
SERVICES = ("pubsub", "bigquery", "storage")
START_TIMEOUT_SECONDS = 90.0
MANIFEST = "manifest.json"
SHARES = ("--malformed_share=0.03", "--duplicate_share=0.02", "--late_share=0.01")
"""The demo's."""


class LiveRun(NamedTuple):
    """What one run came to."""

    published: int
    finished: int
    """Messages whose row or dead letter is written."""
    seconds: float
    """From the first pull to the last message; of a run that was cut off, the time it was given."""
    behind_seconds: float
    """From the last publish to the end of everything, windows and files included."""
    latency_ms: dict[str, float]
    """p50, p95, p99 from publish to row; of the stock read, from publish to parsed, of what has a row."""
    cpu_us: dict[str, float]
    """CPU per finished message of each process while it ran."""

    @property
    def rate(self) -> float:
        """Finished messages per second."""
        return self.finished / self.seconds


def pipeline_command(environment: Mapping[str, str], windows: str, *flags: str) -> list[str]:
    """The pipeline on the stack's resources, with the demo's windows of seconds or the default ones."""
    return [
        *(sys.executable, "-m", "pipeline.main"),
        *pipeline_flags(environment),
        *(PIPELINE_FLAGS if windows == "demo" else ()),
        *flags,
    ]


def run_paced(windows: str, rate: float, seconds: float) -> LiveRun:
    """Publish at `rate` while the pipeline reads live, until it has drained."""
    with (
        _stack() as (stack, folder),
        _cpu_of_services(stack) as services,
        live_pipeline(stack, folder, windows, IDLE_SECONDS) as pipeline,
    ):
        begun, cpu_begun = time.monotonic(), cpu_seconds(pipeline.pid)
        published, generator_cpu = _generate(stack, folder, f"--rate={rate:g}", f"--seconds={seconds:g}")
        published_at = time.monotonic()
        pipeline_cpu = ended_cpu_seconds(pipeline) - cpu_begun
        behind = time.monotonic() - published_at - IDLE_SECONDS
        cpu = services() | {"pipeline": pipeline_cpu, "generator": generator_cpu}
        return _live_run(folder, published, published_at - begun + max(0.0, behind), behind, cpu)


def run_backlog(windows: str, events: int) -> LiveRun:
    """Publish everything first, then time the pipeline from its first pull to the end of everything."""
    with _stack() as (stack, folder):
        published, generator_cpu = _generate(stack, folder, "--rate=50000", f"--events={events}")
        with (
            _cpu_of_services(stack) as services,
            live_pipeline(stack, folder, windows, BACKLOG_IDLE_SECONDS) as pipeline,
        ):
            begun, cpu_begun = time.monotonic(), cpu_seconds(pipeline.pid)
            pipeline_cpu = ended_cpu_seconds(pipeline) - cpu_begun
            seconds = time.monotonic() - begun
            cpu = services() | {"pipeline": pipeline_cpu, "generator": generator_cpu}
        return _live_run(folder, published, seconds, seconds, cpu)


def run_stock(windows: str, rate: float, seconds: float) -> LiveRun:
    """Publish at `rate` while Beam's own read feeds the same graph; count what is there after `seconds`."""
    with _stack() as (stack, folder):
        pipeline = start_pipeline(stack, folder, windows, "--runner=DirectRunner")
        try:
            # It does not say when it starts to read: a first message does, once its row is there.
            warm_up, _ = _generate(stack, folder, "--rate=50", "--events=50", "--seed=2")
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while sum(_rows(stack).values()) < warm_up // 2:
                if pipeline.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the stock read does not start:\n{log_tail(folder)}")
                time.sleep(0.5)
            with _cpu_of_services(stack) as services:
                before, begun, cpu_begun = _rows(stack), time.monotonic(), cpu_seconds(pipeline.pid)
                published, generator_cpu = _generate(
                    stack, folder, f"--rate={rate:g}", f"--seconds={seconds:g}"
                )
                after, taken = _rows(stack), time.monotonic() - begun
                cpu = services() | {
                    "pipeline": cpu_seconds(pipeline.pid) - cpu_begun,
                    "generator": generator_cpu,
                }
            latency_ms = _parsed_latency_ms(stack)
        finally:
            end(pipeline)
        finished = sum(after.values()) - sum(before.values())
        return LiveRun(published, finished, taken, float("nan"), latency_ms, _per_event(cpu, finished))


@contextmanager
def _stack() -> Iterator[tuple[Stack, Path]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Stack(folder / "state", parts=LISTENING_PARTS) as stack:
            yield stack, folder


@contextmanager
def _cpu_of_services(stack: Stack) -> Iterator[Any]:
    """Give a function that returns the CPU seconds of each emulator since the beginning of the block."""
    pids = {part: stack.service(part).pid for part in SERVICES}
    begun = {part: cpu_seconds(pid) for part, pid in pids.items()}
    yield lambda: {part: cpu_seconds(pid) - begun[part] for part, pid in pids.items()}


def cpu_seconds(pid: int | None) -> float:
    """User and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def live_pipeline(
    stack: Stack, folder: Path, windows: str, idle_seconds: float, *more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the pipeline, enter the block once it reads, and leave nothing running after it."""
    flags = (f"--stop_when_idle_seconds={idle_seconds:g}", f"--stats_path={folder / 'stats.json'}")
    process = start_pipeline(stack, folder, windows, *flags, *more)
    try:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while b"reading projects/" not in (folder / "pipeline.log").read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the pipeline does not start:\n{log_tail(folder)}")
            time.sleep(0.02)
        yield process
    finally:
        end(process)


def start_pipeline(stack: Stack, folder: Path, windows: str, *flags: str) -> subprocess.Popen[bytes]:
    with (folder / "pipeline.log").open("wb") as log:
        return subprocess.Popen(
            pipeline_command(stack.environment, windows, *flags),
            env={**os.environ, **stack.environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _generate(stack: Stack, folder: Path, *flags: str) -> tuple[int, float]:
    """Run the generator to its end and return (messages published, its CPU seconds)."""
    manifest = folder / MANIFEST
    command = [sys.executable, "-m", "generator", "--to=pubsub", f"--manifest={manifest}", *SHARES, *flags]
    process = subprocess.Popen(
        command, env={**os.environ, **stack.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        generator_cpu = ended_cpu_seconds(process)
    finally:
        end(process)
    return published_of(folder), generator_cpu


def published_of(folder: Path) -> int:
    """How many messages the generator says Pub/Sub has taken."""
    return int(json.loads((folder / MANIFEST).read_text())["published"])


def ended_cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process to end by itself and return its CPU seconds."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{process.args!r} ended with code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end; the stock read may not hear it while it waits for messages."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                continue


def _live_run(folder: Path, published: int, seconds: float, behind: float, cpu: dict[str, float]) -> LiveRun:
    stats = check_all_finished(folder, published)
    finished, latency_ms = stats["messages_finished"], stats["publish_to_row_ms"]
    return LiveRun(published, finished, seconds, behind, latency_ms, _per_event(cpu, finished))


def check_all_finished(folder: Path, published: int) -> dict[str, Any]:
    """Return the drained pipeline's figures. Raises RuntimeError if it has left messages over."""
    stats: dict[str, Any] = json.loads((folder / "stats.json").read_text())
    finished = stats["messages_finished"]
    if finished != published:
        raise RuntimeError(
            f"{published} messages were published and {finished} finished:\n{log_tail(folder)}"
        )
    return stats


def _per_event(cpu: dict[str, float], events: int) -> dict[str, float]:
    return {name: seconds / max(1, events) * 1e6 for name, seconds in cpu.items()}


def _ask(stack: Stack, question: str) -> list[Any]:
    warehouse = bigquery_client(stack.service("bigquery").address, stack.environment["GOOGLE_CLOUD_PROJECT"])
    return list(warehouse.query(question, job_retry=None).result(job_retry=None))


def _event_tables() -> list[str]:
    contract = load_contract()
    return [contract.table_of(kind).name for kind in contract.event_types]


def _rows(stack: Stack) -> dict[str, int]:
    tables = [*_event_tables(), "dead_letters"]
    counts = " UNION ALL ".join(f"SELECT '{name}' AS name, COUNT(*) AS n FROM {name}" for name in tables)
    return {row["name"]: row["n"] for row in _ask(stack, counts)}


def _parsed_latency_ms(stack: Stack) -> dict[str, float]:
    """From publish to parsed, over all rows."""
    latencies = " UNION ALL ".join(
        f"SELECT TIMESTAMP_DIFF(processed_at, publish_time, MILLISECOND) AS ms FROM {name}"
        for name in _event_tables()
    )
    latencies_ms = sorted(row["ms"] for row in _ask(stack, latencies))
    return {f"p{percent}": latencies_ms[len(latencies_ms) * percent // 100] for percent in (50, 95, 99)}


def log_tail(folder: Path) -> str:
    return "\n".join((folder / "pipeline.log").read_text(errors="replace").splitlines()[-15:])
