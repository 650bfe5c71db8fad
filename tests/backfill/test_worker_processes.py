"""Worker processes of a backfill: asked for by their number; when one ends, nothing waits for it or stays."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import fork_server
from pipeline.options import parse_job
from tests.backfill.shop_files import plain
from tests.loads.backfills import command

LINES = 250_000
PATIENCE_SECONDS = 60.0


@pytest.mark.parametrize(
    ("flags", "modes"),
    [
        ((), []),
        (("--direct_num_workers=1",), []),
        (("--direct_num_workers=2",), ["--direct_running_mode=multi_processing"]),
        (("--direct_num_workers", "0"), ["--direct_running_mode=multi_processing"]),
        (
            ("--direct_num_workers=2", "--direct_running_mode=multi_threading"),
            ["--direct_running_mode=multi_threading"],
        ),
    ],
)
def test_several_workers_are_processes_unless_threads_are_asked_for(
    tmp_path: Path, flags: tuple[str, ...], modes: list[str]
) -> None:
    given = command(str(tmp_path / "in"), str(tmp_path / "out"), "none", *flags)
    job = parse_job(given[given.index("--is_backfill") :])
    assert [flag for flag in job.beam_args if flag.startswith("--direct_running_mode")] == modes


@pytest.mark.parametrize(
    ("flags", "starts"),
    [
        (("--is_backfill",), False),
        (("--is_backfill", "--direct_num_workers=1"), False),
        (("--is_backfill", "--direct_num_workers=2"), True),
        (("--direct_num_workers", "2", "--is_backfill"), True),
        (("--direct_num_workers=2",), False),
    ],
)
def test_the_process_to_fork_from_is_started_for_several_workers_of_a_backfill_alone(
    monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], starts: bool
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(fork_server, "start", lambda: started.append(True))
    fork_server.start_if_asked(flags)
    assert started == [True] * starts


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


@pytest.fixture
def running(pattern: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A backfill whose two workers have begun to write."""
    given = command(pattern, str(tmp_path / "lake"), "none", "--direct_num_workers=2")
    with subprocess.Popen(
        given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            until(lambda: process.poll() is not None or any((tmp_path / "lake").rglob("*.parquet")))
            assert process.poll() is None, process.stdout and process.stdout.read()
            yield process
        finally:
            for pid in [*descendants(process.pid), process.pid]:
                if is_there(pid):
                    os.kill(pid, signal.SIGKILL)


def lines_said(process: subprocess.Popen[str]) -> list[str]:
    """What it says once it has begun, without its progress, until it ends."""
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return [line for line in said.splitlines() if " INFO " not in line and "%" not in line]


@pytest.mark.slow
def test_the_end_of_a_worker_ends_the_run_with_one_sentence(running: subprocess.Popen[str]) -> None:
    pids = descendants(running.pid)
    os.kill(pids[-1], signal.SIGKILL)
    assert lines_said(running) == [
        "error: a worker process has ended with signal SIGKILL; if memory is short, use fewer "
        "--direct_num_workers."
    ]
    assert running.returncode == 1
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
def test_no_worker_outlives_the_run_that_was_killed(running: subprocess.Popen[str]) -> None:
    pids = descendants(running.pid)
    assert len(pids) >= 3
    running.kill()
    assert lines_said(running) == []
    until(lambda: not any(map(is_there, pids)))
