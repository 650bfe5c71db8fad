"""Memory that is free goes back to the system where it is much."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys, time
from pipeline import chunk_memory

def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

chunk_memory._GIVE_BACK_SECONDS = 0.01
free_mb = int(sys.argv[1])
blocks = [b"x" * (1_000 + number % 7) for number in range(free_mb * 1_000)]
kept = blocks[::100]  # what is free lies in holes
full = resident_bytes()
with chunk_memory.giving_back():
    del blocks
    deadline = time.monotonic() + float(sys.argv[2])
    while resident_bytes() > full - free_mb * 500_000 and time.monotonic() < deadline:
        time.sleep(0.02)
print(resident_bytes() < full - free_mb * 500_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="tells the C library of Linux what to keep")
@pytest.mark.parametrize(("free_mb", "seconds", "is_given_back"), [(160, 20.0, True), (40, 0.5, False)])
def test_what_is_free_is_given_back_if_it_is_much(free_mb: int, seconds: float, is_given_back: bool) -> None:
    command = [sys.executable, "-c", PROGRAM, str(free_mb), str(seconds)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == f"{is_given_back}\n"
