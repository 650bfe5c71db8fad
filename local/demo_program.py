"""What runs beside the demo and says on its console what it does: child processes, and the alerts."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape

from local.demo_alerts import read_alert_log
from local.errors import StackError

_POLL_SECONDS = 0.3


class Program:
    """A child process whose lines appear with its name before them."""

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], console: Console
    ) -> None:
        self.name = name
        self._console = console
        self._last_lines: list[str] = []
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.PIPE,  # its end is the tether's sign that the demo is gone
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches the demo alone, which then ends its children in order
        )
        self._printer = threading.Thread(target=self._print_lines, daemon=True)
        self._printer.start()

    def _print_lines(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._last_lines = [*self._last_lines[-20:], line.rstrip()]
            self._console.print(
                f"   [cyan]{self.name:>9}[/]  {escape(line.rstrip())}", markup=True, soft_wrap=True
            )

    def said(self, words: str) -> bool:
        """Whether one of the last lines holds these words."""
        return any(words in line for line in list(self._last_lines))

    def check(self) -> None:
        """Raise StackError if the program has ended with a failure."""
        code = self._process.poll()
        if code not in (None, 0):
            raise StackError(f"The {self.name} ended with exit code {code}; its last lines stand above.")

    def finish(self, timeout_seconds: float) -> None:
        """Wait for the program to end by itself; raises StackError if it fails or takes too long."""
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise StackError(f"The {self.name} has not ended within {timeout_seconds:.0f} s.") from None
        self._printer.join(5)
        self.check()

    def end(self) -> None:
        """End the program if it still runs: first asking, then not."""
        for number, wait_seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
            if self._process.poll() is not None:
                return
            self._process.send_signal(number)
            try:
                self._process.wait(wait_seconds)
            except subprocess.TimeoutExpired:
                continue


class AlertPrinter:
    """Prints what the function delivers, as it arrives; a context manager."""

    def __init__(self, alert_log: Path, console: Console) -> None:
        """Follow `alert_log`, which need not be there yet."""
        self._alert_log = alert_log
        self._console = console
        self._printed = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Print what has come since, and end."""
        self._over.set()
        self._thread.join(5)

    def _follow(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            self._print_new()
        self._print_new()

    def _print_new(self) -> None:
        lines = read_alert_log(self._alert_log)
        for line in lines[self._printed :]:
            words = f"{line['severity']} {line['kind']}, {line['state']}: {line['summary']}"
            self._console.print(f"   [magenta]    alert[/]  {escape(words)}", soft_wrap=True)
        self._printed = len(lines)
