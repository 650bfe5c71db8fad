"""The run itself: stack, pipeline and generator as in the demo, looked at every few seconds."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.live_run import (
    MANIFEST,
    SERVICES,
    SHARES,
    check_all_finished,
    cpu_seconds,
    end,
    live_pipeline,
    log_tail,
    published_of,
)
from benchmarks.soak.samples import Sample, last_said, memory_of
from local.child import python_module
from local.stack import Stack

DRAIN_SECONDS = 120.0
IDLE_SECONDS = 6.0


def soak(
    rate: float, seconds: float, every_seconds: float, windows: str, retention_seconds: int
) -> Iterator[Sample]:
    """Yield a sample every `every_seconds` while the generator publishes, then drain.

    What the pipeline remembers for a day or a week it remembers for `retention_seconds`; 0: as it is.

    Raises RuntimeError if a part ends before its time, or if the drained pipeline has left messages over.
    """
    with (
        tempfile.TemporaryDirectory() as name,
        Stack(Path(name) / "state") as stack,
        live_pipeline(stack, Path(name), windows, IDLE_SECONDS, *_remembering(retention_seconds)) as pipeline,
        _generator(stack, Path(name), rate, seconds) as generator,
    ):
        begun, log_place = time.monotonic(), 0
        for number in range(1, int(seconds / every_seconds) + 1):
            time.sleep(max(0.0, begun + number * every_seconds - time.monotonic()))
            stack.check()
            if pipeline.poll() is not None or generator.poll() not in (None, 0):
                raise RuntimeError(f"the run has ended before its time:\n{log_tail(Path(name))}")
            with (Path(name) / "pipeline.log").open() as log:
                log.seek(log_place)
                new_lines = log.read()
                log_place = log.tell()
            yield Sample(
                round(time.monotonic() - begun, 1),
                memory_of(pipeline.pid),
                {part: memory_of(stack.service(part).pid).pss for part in SERVICES},
                cpu_seconds(pipeline.pid),
                last_said(new_lines),
            )
        _finish(generator, "generator", Path(name))
        _finish(pipeline, "pipeline", Path(name))
        check_all_finished(Path(name), published_of(Path(name)))


def _remembering(seconds: int) -> tuple[str, ...]:
    flags = ("dedup_ttl_seconds", "allowed_lateness_seconds", "ledger_lateness_seconds")
    return tuple(f"--{flag}={seconds}" for flag in flags) if seconds else ()


@contextmanager
def _generator(stack: Stack, folder: Path, rate: float, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    flags = ("--to=pubsub", f"--rate={rate:g}", f"--seconds={seconds:g}", f"--manifest={folder / MANIFEST}")
    command = python_module("generator", *flags, *SHARES)
    with (folder / "generator.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **stack.environment},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        end(process)


def _finish(process: subprocess.Popen[bytes], name: str, folder: Path) -> None:
    try:
        code = process.wait(DRAIN_SECONDS)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the {name} has not ended within {DRAIN_SECONDS:g} s") from None
    if code != 0:
        raise RuntimeError(f"the {name} has ended with code {code}:\n{log_tail(folder)}")
