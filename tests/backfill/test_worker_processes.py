"""Worker processes of a backfill: asked for by their number; when one ends, nothing waits for it or stays."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline import worker_processes
from pipeline.errors import UsageError
from pipeline.options import parse_job
from tests.backfill.shop_files import plain
from tests.loads.backfills import command

LINES = 250_000
PATIENCE_SECONDS = 60.0


PROCESSES = ["--direct_running_mode=multi_processing"]


@pytest.mark.parametrize(
    ("flags", "modes", "workers"),
    [
        ((), [], 0),
        (("--direct_num_workers=1",), [], 0),
        (("--direct_num_workers=1", *PROCESSES), PROCESSES, 1),
        (("--direct_num_workers=2",), PROCESSES, 2),
        (("--direct_num_workers", "0"), PROCESSES, multiprocessing.cpu_count()),
        (
            ("--direct_num_workers=2", "--direct_running_mode=multi_threading"),
            ["--direct_running_mode=multi_threading"],
            0,
        ),
    ],
)
def test_several_workers_are_processes_unless_threads_are_asked_for(
    tmp_path: Path, flags: tuple[str, ...], modes: list[str], workers: int
) -> None:
    given = command(str(tmp_path / "in"), str(tmp_path / "out"), "none", *flags)
    job = parse_job(given[given.index("--is_backfill") :])
    assert [flag for flag in job.beam_args if flag.startswith("--direct_running_mode")] == modes
    assert job.worker_processes == workers


def test_fewer_workers_than_none_are_refused(tmp_path: Path) -> None:
    given = command(str(tmp_path / "in"), str(tmp_path / "out"), "none", "--direct_num_workers=-1")
    with pytest.raises(UsageError, match="--direct_num_workers=-1 is no number of workers: name one, or 0"):
        parse_job(given[given.index("--is_backfill") :])


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file that takes two workers some seconds."""
    path = tmp_path_factory.mktemp("in") / "large.jsonl"
    lines = [plain(f"e{n}", f"e{n}", n % 3_000) for n in range(1_000)]
    with path.open("wb") as file:
        for round_ in range(LINES // 1_000):
            key = b'"event_id":"%d-' % round_
            file.writelines(line.replace(b'"event_id":"', key) + b"\n" for line in lines)
    return str(path)


def descendants(pid: int) -> list[int]:
    """Of a process, those that are still there."""
    pids = [pid]
    for each in pids:
        try:
            for task in Path(f"/proc/{each}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
        except FileNotFoundError:
            continue  # it has ended meanwhile
    return pids[1:]


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def backfill(pattern: str, lake: Path) -> Iterator[subprocess.Popen[str]]:
    given = command(pattern, str(lake), "none", "--direct_num_workers=2")
    with subprocess.Popen(
        given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            for pid in [*descendants(process.pid), process.pid]:
                if is_there(pid):
                    os.kill(pid, signal.SIGKILL)


def until_it_has(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    until(lambda: process.poll() is not None or condition())
    assert process.poll() is None, process.stdout and process.stdout.read()


@pytest.fixture
def beginning(pattern: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A backfill whose two workers have just been forked."""
    with backfill(pattern, tmp_path / "lake") as process:
        until_it_has(process, lambda: len(descendants(process.pid)) == 2)
        yield process


@pytest.fixture
def running(pattern: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A backfill whose two workers have begun to write."""
    with backfill(pattern, tmp_path / "lake") as process:
        until_it_has(process, lambda: any((tmp_path / "lake").rglob("*.parquet")))
        yield process


def lines_said(process: subprocess.Popen[str]) -> list[str]:
    """What it says once it has begun, without its progress, until it ends."""
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return [line for line in said.splitlines() if " INFO " not in line and "%" not in line]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["beginning", "running"])
def test_the_end_of_a_worker_ends_the_run_with_one_sentence(
    stage: str, request: pytest.FixtureRequest
) -> None:
    process: subprocess.Popen[str] = request.getfixturevalue(stage)
    pids = descendants(process.pid)
    os.kill(pids[-1], signal.SIGKILL)
    assert lines_said(process) == [
        "error: a worker process has ended with signal SIGKILL; if memory is short, use fewer "
        "--direct_num_workers."
    ]
    assert process.returncode == 1
    until(lambda: not any(map(is_there, pids)))


@pytest.mark.slow
def test_an_interrupt_before_the_run_has_begun_ends_all_processes(beginning: subprocess.Popen[str]) -> None:
    pids = descendants(beginning.pid)
    os.killpg(beginning.pid, signal.SIGINT)
    said = lines_said(beginning)
    assert len(said) == 1
    assert said[0].startswith("stopped")
    assert beginning.returncode == 130
    until(lambda: not any(map(is_there, pids)))


@pytest.mark.slow
def test_an_interrupt_from_the_keyboard_ends_all_processes_with_one_sentence(
    running: subprocess.Popen[str],
) -> None:
    pids = descendants(running.pid)
    os.killpg(running.pid, signal.SIGINT)
    assert lines_said(running) == [
        "stopped: no file counts as loaded; start it again, and it ends in the same tables."
    ]
    assert running.returncode == 130
    until(lambda: not any(map(is_there, pids)))


@pytest.mark.slow
def test_an_interrupt_that_a_worker_alone_has_noticed_so_far_ends_the_run_like_any(
    running: subprocess.Popen[str],
) -> None:
    os.kill(descendants(running.pid)[-1], signal.SIGINT)
    assert lines_said(running) == [
        "stopped: no file counts as loaded; start it again, and it ends in the same tables."
    ]
    assert running.returncode == 130


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["beginning", "running"])
def test_no_worker_outlives_the_run_that_was_killed(stage: str, request: pytest.FixtureRequest) -> None:
    process: subprocess.Popen[str] = request.getfixturevalue(stage)
    pids = descendants(process.pid)
    assert len(pids) == 2
    process.kill()
    assert lines_said(process) == []
    until(lambda: not any(map(is_there, pids)))


def test_a_process_with_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # so that it is set back
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        worker_processes.prepare(2)
        assert multiprocessing.active_children() == []
    finally:
        done.set()
        thread.join()
