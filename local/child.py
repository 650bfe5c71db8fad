"""One child process of the stack: its log, its group, whether it lives and whether it answers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local.errors import PartFailedError

HOST = "127.0.0.1"
REPOSITORY = Path(__file__).resolve().parent.parent

_LOG_TAIL_LINES = 15
_LOG_TAIL_WIDTH = 200


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `module` and ends it together with this process."""
    return [sys.executable, "-m", "local.tether", module, *arguments]


class ChildProcess:
    """A server on one port of this machine, in a process group of its own."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        log_path: Path,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Remember what to run; `variables` are added to this process's environment."""
        self.name = name
        self.port = port
        self.log_path = log_path
        self._command = list(command)
        self._variables = dict(variables or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id, which is also the group's, or None before the start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process with its output going to its log; returns at once."""
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self._variables},
                stdin=subprocess.PIPE,  # held open: see local.tether
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the stack alone, which ends its parts in order
            )

    def wait_until_it_answers(self, timeout_seconds: float, given_up: Callable[[], bool]) -> None:
        """Return once the port accepts connections, or early when `given_up()`.

        Raises: PartFailedError if the process ends first or does not answer in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while not given_up():
            self.check()
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise PartFailedError(
                        f"{self.name} does not answer on {self.address} after {timeout_seconds:g} s."
                        f"{self.log_tail()}"
                    ) from None
                time.sleep(0.03)
            else:
                return

    def check(self) -> None:
        """Raise PartFailedError, with the tail of the log, if the process has ended."""
        code = self._process.poll() if self._process else None
        if code is not None:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            raise PartFailedError(f"{self.name} {how}.{self.log_tail()}")

    def log_tail(self) -> str:
        """Return the last lines of the log under a line that names the file."""
        lines = self.log_path.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        shortened = [line[:_LOG_TAIL_WIDTH] for line in lines]
        return "".join(f"\n  {line}" for line in [f"End of {self.log_path}:", *shortened])

    def ask_to_end(self) -> None:
        """Send SIGTERM to the group; does nothing before the start."""
        self._signal(signal.SIGTERM)

    def wait_until_ended(self, timeout_seconds: float) -> None:
        """Wait for the process to end, then kill whatever its group still holds."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):  # it is killed next
            self._process.wait(timeout_seconds)
        self._signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # the whole group has ended
                os.killpg(self._process.pid, number)


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nothing listens on right now."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()


def port_is_free(port: int) -> bool:
    """Whether a server could listen on `port` of this machine."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
