"""The figures of all trials, as a table for a terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from local.chaos.recovery import NEVER
from local.chaos.scenario import Result

COLUMNS = (
    "scenario",
    "seed",
    "published",
    "lost",
    "dup. raw",
    "dup. views",
    "dead letters",
    "outage s",
    "recovery s",
    "all back s",
    "ended",
    "passed",
)


def cells(result: Result) -> tuple[str, ...]:
    """One row of the table."""
    outcome = result.outcome
    return (
        result.scenario,
        str(result.seed),
        f"{outcome.published:,}",
        f"{outcome.lost:,}",
        f"{outcome.duplicated_raw:,}",
        f"{outcome.duplicated:,}",
        f"{outcome.letters_seen:,} of {outcome.letters_expected:,}",
        _seconds(result.outage_seconds),
        _seconds(result.recovery_seconds),
        _seconds(result.all_back_seconds),
        " ".join(str(code) for code in result.exit_codes) or "-",
        "no" if result.failures else "yes",
    )


def terminal_table(results: Sequence[Result]) -> Table:
    """The table for a terminal."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in COLUMNS:
        is_text = column in ("scenario", "ended", "passed")
        table.add_column(column, justify="left" if is_text else "right", no_wrap=is_text)
    for result in results:
        table.add_row(*cells(result))
    return table


def markdown(results: Sequence[Result]) -> str:
    """The same table, and below it what failed."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(cells(result))} |" for result in results]
    lines += ["", *(f"- {sentence}" for sentence in sentences(results))]
    return "\n".join(lines) + "\n"


def sentences(results: Sequence[Result]) -> list[str]:
    """What has to be said of the table: failures, slow recoveries, what the controls showed."""
    said = [f"{each.scenario} {each.seed}: {failure}." for each in results for failure in each.failures]
    slow = [each for each in results if not is_proportional(each)]
    said += [
        f"{each.scenario} {each.seed}: the recovery took longer than the outage "
        f"({_seconds(each.recovery_seconds)} s after {_seconds(each.outage_seconds)} s)."
        for each in slow
        if each.recovery_seconds != NEVER
    ]
    said += [
        f"{each.scenario} {each.seed}: something published during the outage never came back."
        for each in slow
        if each.recovery_seconds == NEVER
    ]
    outages = [each for each in results if each.recovery_seconds is not None]
    said.append(f"{len(outages) - len(slow)} of {len(outages)} recoveries took no longer than their outage.")
    said += [
        f"{each.scenario} {each.seed}: {each.control.replace('_', ' ')} "
        f"{getattr(each.outcome, each.control):,}, as it must be."
        for each in results
        if each.control and not each.failures
    ]
    return said


def is_proportional(result: Result) -> bool:
    """Whether there was no outage, or the recovery took no longer."""
    if result.outage_seconds is None or result.recovery_seconds is None:
        return True
    return result.recovery_seconds <= result.outage_seconds


def write_reports(results: Sequence[Result], output: Path) -> None:
    """Write chaos.md and chaos.json."""
    (output / "chaos.md").write_text(markdown(results))
    (output / "chaos.json").write_text(json.dumps([_as_dict(each) for each in results], indent=2) + "\n")


def _as_dict(result: Result) -> dict[str, Any]:
    figures = {**result._asdict(), "outcome": result.outcome._asdict()}
    # JSON has no word for the infinite.
    return {name: "never" if figure == NEVER else figure for name, figure in figures.items()}


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return "never" if seconds == NEVER else f"{seconds:.1f}"
