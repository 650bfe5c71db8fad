from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from local.child import ChildProcess, free_ports, port_is_free
from local.errors import PartFailedError

# It says when the trap is set, or the signal could come first.
STUBBORN = ["sh", "-c", "trap '' TERM; echo set; sleep 60 & wait; sleep 60"]


def child(command: list[str], folder: Path) -> ChildProcess:
    return ChildProcess("Part", command, free_ports(1)[0], folder / "part.log")


def test_child_that_ignores_sigterm_is_killed_with_its_group(tmp_path: Path) -> None:
    part = child(STUBBORN, tmp_path)
    part.start()
    deadline = time.monotonic() + 10
    while "set" not in part.log_path.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    part.ask_to_end()
    part.wait_until_ended(timeout_seconds=0.2)
    assert part.pid is not None
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(part.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail("the group still has a process")


def test_child_that_never_answers_is_named_with_its_address(tmp_path: Path) -> None:
    part = child(["sleep", "60"], tmp_path)
    part.start()
    try:
        with pytest.raises(PartFailedError) as raised:
            part.wait_until_it_answers(0.2, given_up=lambda: False)
    finally:
        part.ask_to_end()
        part.wait_until_ended(5)
    assert str(raised.value).splitlines() == [
        f"Part does not answer on {part.address} after 0.2 s.",
        f"  End of {tmp_path}/part.log:",
    ]


def test_child_that_ends_is_reported_with_its_code_and_last_lines(tmp_path: Path) -> None:
    part = child(["sh", "-c", "for i in $(seq 30); do echo line $i; done; exit 3"], tmp_path)
    part.start()
    with pytest.raises(PartFailedError) as raised:
        part.wait_until_it_answers(10, given_up=lambda: False)
    part.wait_until_ended(5)
    lines = str(raised.value).splitlines()
    assert lines[0] == "Part ended with code 3."
    assert lines[2:] == [f"  line {number}" for number in range(16, 31)]


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(4)
    assert len(set(ports)) == 4
    assert all(port_is_free(port) for port in ports)
