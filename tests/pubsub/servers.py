"""The Pub/Sub servers of this machine that the conformance suite runs against."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from local.services import official_pubsub_script

START_SECONDS = 30


@contextmanager
def embedded(directory: Path, *flags: str) -> Iterator[str]:
    """Run our own server; yields `host:port`."""
    port_file = directory / "address"
    command = [sys.executable, "-m", "local.pubsub_server", "--port-file", str(port_file), *flags]
    with _running(command, lambda: port_file.exists(), directory / "log"):
        yield port_file.read_text().strip()


@contextmanager
def official(directory: Path) -> Iterator[str]:
    """Run Google's emulator; yields `host:port`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    command = [str(official_pubsub_script()), "--host=127.0.0.1", f"--port={address[1]}"]
    with _running(command, lambda: _answers(address), directory / "log"):
        yield f"127.0.0.1:{address[1]}"


def present() -> dict[str, Callable[[Path], AbstractContextManager[str]]]:
    """Return what can be started here: `embedded` always, `official` where gcloud has it."""
    return {"embedded": embedded} | ({"official": official} if official_pubsub_script() else {})


@contextmanager
def _running(command: list[str], is_ready: Callable[[], bool], log_path: Path) -> Iterator[None]:
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            assert process.poll() is None, log_path.read_text()
            assert time.monotonic() < deadline, f"not ready after {START_SECONDS} s: {log_path.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)  # the group: the emulator's start script runs Java
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True
