"""`make demo`: the whole product on this machine, and a check that nothing was lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from local.child import python_module
from local.demo_checks import Check, check_everything
from local.demo_figures import Figures, alerts_recorded_and_delivered, collect
from local.demo_report import print_report
from local.errors import StackError
from local.names import pipeline_flags
from local.stack import Stack

RUN_ID = "demo"
EVENTS_PER_SECOND = 420
"""About 10,000 orders a minute: 40 % of the events are orders."""
IDLE_SECONDS = 6
ALERTS_TIMEOUT_SECONDS = 20.0
PIPELINE_FLAGS = (
    "--order_window_seconds=5",
    "--quality_window_seconds=5",
    "--pane_seconds=5",
    "--lake_window_seconds=10",
    "--anomaly_warmup_windows=4",
    f"--stop_when_idle_seconds={IDLE_SECONDS}",
    f"--run_id={RUN_ID}",
)
"""Windows of seconds instead of minutes, so that a minute shows several of them."""


def run_demo(output: Path, seconds: int, seed: int, pubsub: str) -> int:
    """Run stack, pipeline and generator, print what came of it, and return the exit code.

    0 only if published = accepted + duplicates + rejected, and every table agrees.
    """
    console = Console(highlight=False)
    output.mkdir(parents=True, exist_ok=True)
    console.print("[bold]1. The laptop stack[/]: Pub/Sub, BigQuery, Cloud Storage, the alerting function")
    with Stack(output / "state", pubsub=pubsub, fresh=True, report=_indented(console)) as stack:
        environment = {**os.environ, **stack.environment}
        console.print(f"[bold]2. Generator and pipeline[/], {EVENTS_PER_SECOND} events/s for {seconds} s")
        pipeline = _Program("pipeline", _pipeline_command(stack.environment, output), environment, console)
        try:
            _wait_until_reading(pipeline)
            generator = _Program("generator", _generator_command(output, seconds, seed), environment, console)
            try:
                generator.finish(timeout_seconds=seconds + 60)
                pipeline.finish(timeout_seconds=IDLE_SECONDS + 120)
            finally:
                generator.end()
        finally:
            pipeline.end()
        stack.check()
        console.print("[bold]3. What came of it[/]")
        _wait_for_alerts(stack)
        figures = collect(stack, output)
    checks = check_everything(figures)
    print_report(console, figures, checks)
    _write_summary(output / "summary.json", figures, checks)
    console.print(f"\nThe same figures: {output}/summary.json. Ask the tables yourself:")
    console.print(
        f'  {sys.executable} -m local sql --state {output}/state "SELECT * FROM order_metrics_latest"',
        soft_wrap=True,
    )
    return 0 if all(check.holds for check in checks) else 1


def _pipeline_command(environment: Mapping[str, str], output: Path) -> list[str]:
    return python_module(
        "pipeline.main",
        *pipeline_flags(environment),
        f"--stats_path={output / 'pipeline-stats.json'}",
        *PIPELINE_FLAGS,
    )


def _generator_command(output: Path, seconds: int, seed: int) -> list[str]:
    return python_module(
        "generator",
        "--to=pubsub",
        f"--rate={EVENTS_PER_SECOND}",
        f"--seconds={seconds}",
        f"--seed={seed}",
        "--malformed_share=0.03",
        "--duplicate_share=0.02",
        "--late_share=0.01",
        f"--incident=bad_deploy@{seconds // 2}s+{seconds // 6}s",
        f"--incident=order_spike@{seconds * 3 // 4}s+{seconds // 6}sx4",
        f"--labels={output / 'labels.jsonl'}",
        f"--manifest={output / 'manifest.json'}",
    )


class _Program:
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
            self._console.print(f"   [cyan]{self.name:>9}[/]  {line.rstrip()}", markup=True, soft_wrap=True)

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


def _wait_until_reading(pipeline: _Program) -> None:
    """Wait until the pipeline reads, so that its start-up does not count as latency."""
    deadline = time.monotonic() + 60
    while not pipeline.said("reading projects/"):
        pipeline.check()
        if time.monotonic() > deadline:
            raise StackError("The pipeline has not started to read within 60 s; see its lines above.")
        time.sleep(0.1)


def _wait_for_alerts(stack: Stack) -> None:
    """Wait until the function has delivered every alert there is, or until the time-out."""
    deadline = time.monotonic() + ALERTS_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        recorded, delivered = alerts_recorded_and_delivered(stack)
        if delivered >= recorded:
            return
        time.sleep(0.5)


def _write_summary(path: Path, figures: Figures, checks: list[Check]) -> None:
    summary: dict[str, Any] = {
        **figures._asdict(),
        "balanced": all(check.holds for check in checks),
        "checks": [check._asdict() for check in checks],
    }
    path.write_text(json.dumps(summary, indent=2, default=str) + "\n")


def _indented(console: Console) -> Any:
    return lambda line: console.print(f"   {line}")
