"""`make demo`: the whole product on this machine, and a check that nothing was lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from local.child import python_module
from local.demo_alerts import WINDOW
from local.demo_checks import Check, check_everything
from local.demo_figures import STATS_FILE, Figures, alerts_recorded_and_delivered, collect
from local.demo_program import AlertPrinter, Program
from local.demo_report import print_report
from local.errors import StackError
from local.names import pipeline_flags
from local.report import write_report
from local.stack import Stack

RUN_ID = "demo"
EVENTS_PER_SECOND = 420
"""About 10,000 orders a minute: 40 % of the events are orders."""
WIDTH_OF_A_FILE = 140
"""Characters, where no terminal says how wide it is."""
IDLE_SECONDS = 15
"""The pipeline reads before the generator starts: on a busy machine that alone takes ten seconds."""
ALERTS_TIMEOUT_SECONDS = 20.0
RECONCILE_TIMEOUT_SECONDS = 60.0
PIPELINE_FLAGS = (
    "--order_window_seconds=5",
    "--quality_window_seconds=5",
    "--pane_seconds=5",
    "--lake_window_seconds=10",
    "--anomaly_warmup_windows=4",
    "--anomaly_threshold=4",  # with so few windows the spread is guessed generously
    "--alert_cooldown_windows=2",
    f"--stop_when_idle_seconds={IDLE_SECONDS}",
    f"--run_id={RUN_ID}",
)
"""Windows of seconds instead of minutes, so that a minute shows several of them."""
GENERATOR_FLAGS = (
    "--to=pubsub",
    f"--rate={EVENTS_PER_SECOND}",
    "--order_seconds=5",  # else the orders of a spike would change their status for a minute after it
    "--malformed_share=0.03",
    "--duplicate_share=0.02",
    "--late_share=0.01",
    "--old_version_share=0.05",
    "--incident=order_spike@25s+10sx4",
    "--incident=bad_deploy@50s+10s",
)
"""Five windows to learn from, an incident, two windows to get over it, another incident, and two again.

The spike first: a bad deploy takes half of the orders away, after which much may pass for usual. What
breaches again before an alert is resolved is taken for the same alert: hence the quiet between them.
"""
LATEST_BEGIN_SECONDS = 2
"""The generator publishes at most so long after its --start, while it draws the shop."""


def run_demo(output: Path, seconds: int, seed: int, pubsub: str) -> int:
    """Run stack, pipeline and generator, print what came of it, and return the exit code.

    0 only if published = accepted + duplicates + rejected, and every table agrees.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_A_FILE
    output.mkdir(parents=True, exist_ok=True)
    console.print("[bold]1. The laptop stack[/]: Pub/Sub, BigQuery, Cloud Storage, the alerting function")
    with Stack(output / "state", pubsub=pubsub, fresh=True, report=_indented(console)) as stack:
        environment = {**os.environ, **stack.environment}
        alert_log = Path(stack.environment["ALERT_LOG"])
        console.print(f"[bold]2. Generator and pipeline[/], {EVENTS_PER_SECOND} events/s for {seconds} s")
        pipeline = Program("pipeline", _pipeline_command(stack.environment, output), environment, console)
        with AlertPrinter(alert_log, console):
            try:
                _wait_until_reading(pipeline)
                command = _generator_command(output, seconds, seed, _start_of_window())
                generator = Program("generator", command, environment, console)
                try:
                    generator.finish(timeout_seconds=seconds + 60)
                    pipeline.finish(timeout_seconds=IDLE_SECONDS + 120)
                finally:
                    generator.end()
            finally:
                pipeline.end()
            stack.check()
            _wait_for_alerts(stack)
        _check_that_it_read(output)
        console.print("[bold]3. What came of it[/]")
        figures = collect(stack, output)
        reconciled = _reconcile(environment, output)
        write_report(output / "state", output / "report.html")
    checks = check_everything(figures)
    print_report(console, figures, checks)
    _write_summary(output / "summary.json", figures, checks)
    console.print("[bold]4. The same, asked of the tables[/]: python -m pipeline.reconcile")
    console.print(reconciled.stdout.rstrip(), markup=False, soft_wrap=True)
    console.print(f"\nThe same as charts: {output}/report.html, a page for any browser.")
    console.print(f"The same figures: {output}/summary.json. Ask the tables yourself:")
    console.print(
        f'  {sys.executable} -m local sql --state {output}/state "SELECT * FROM order_metrics_latest"',
        soft_wrap=True,
    )
    return 0 if all(check.holds for check in checks) and reconciled.returncode == 0 else 1


def _pipeline_command(environment: Mapping[str, str], output: Path) -> list[str]:
    return python_module(
        "pipeline.main",
        *pipeline_flags(environment),
        f"--stats_path={output / STATS_FILE}",
        *PIPELINE_FLAGS,
    )


def _generator_command(output: Path, seconds: int, seed: int, start: datetime) -> list[str]:
    return python_module(
        "generator",
        *GENERATOR_FLAGS,
        f"--start={start.isoformat()}",
        f"--seconds={seconds - LATEST_BEGIN_SECONDS}",  # a whole number of windows would begin one more
        f"--seed={seed}",
        f"--labels={output / 'labels.jsonl'}",
        f"--manifest={output / 'manifest.json'}",
    )


def _reconcile(environment: Mapping[str, str], output: Path) -> subprocess.CompletedProcess[str]:
    """Compare manifest, ledger and tables, window by window, as a user would.

    Not with the archive: its last objects come up to 10 s after their messages. Exit code 1 if it takes too
    long: the demo's own figures are to be seen all the same.
    """
    flags = (f"--bq_dataset={environment['BQ_DATASET']}", f"--manifest={output / 'manifest.json'}")
    command = [sys.executable, "-m", "pipeline.reconcile", *flags]
    try:
        return subprocess.run(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RECONCILE_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        said = f"It has not ended within {RECONCILE_TIMEOUT_SECONDS:g} s: this machine is very busy. "
        return subprocess.CompletedProcess(command, 1, said + "Run it again when it is not.")


def _start_of_window() -> datetime:
    """Wait for a window to start, and return when it did: a half-empty one would look like a drop."""
    seconds = WINDOW.total_seconds()
    time.sleep(seconds - time.time() % seconds)
    now = time.time()
    return datetime.fromtimestamp(now - now % seconds, UTC)


def _wait_until_reading(pipeline: Program) -> None:
    """Wait until the pipeline reads, so that its start-up does not count as latency."""
    deadline = time.monotonic() + 60
    while not pipeline.said("reading projects/"):
        pipeline.check()
        if time.monotonic() > deadline:
            raise StackError("The pipeline has not started to read within 60 s; see its lines above.")
        time.sleep(0.1)


def _check_that_it_read(output: Path) -> None:
    """Raise StackError if the pipeline ended before anything was published."""
    if not json.loads((output / STATS_FILE).read_text())["messages_read"]:
        raise StackError(
            f"The generator took longer to start than the {IDLE_SECONDS} s after which the pipeline ends: "
            "this machine is very busy. Run it again when it is not."
        )


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
