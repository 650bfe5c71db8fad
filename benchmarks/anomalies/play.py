"""Playing a scenario: the generator writes files, the pipeline reads them, both as whole processes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.anomalies.scenario import Scenario, generator_command, pipeline_command, write_calendar
from benchmarks.anomalies.score import Incident, Told
from pipeline.rfc3339 import parse_rfc3339_us


class PlayFailed(Exception):
    """A program ended with another code than 0."""


class Window(NamedTuple):
    """What the pipeline measured of one window."""

    start_us: int
    orders: float
    revenue: float | None
    validity: float | None
    """Of order messages; None where there was none."""


class Played(NamedTuple):
    """What was injected, what the pipeline told, and what it measured."""

    scenario: Scenario
    incidents: list[Incident]
    promotions: list[Incident]
    alerts: list[Told]
    alerts_without_calendar: list[Told]
    windows: list[Window]


def play(scenario: Scenario, folder: Path, window_seconds: int, *, both: bool = True) -> Played:
    """Play a scenario in `folder`. `both`: a second time without the calendar of promotions."""
    folder.mkdir(parents=True, exist_ok=True)
    events, labels, calendar = (
        folder / name for name in ("events.jsonl.gz", "labels.jsonl", "promotions.json")
    )
    _run(generator_command(scenario, events, labels))
    happened = [json.loads(line) for line in labels.read_text().splitlines()]
    write_calendar(happened, calendar)
    lake, other = folder / "lake", folder / "lake-without-calendar"
    _run(pipeline_command(scenario, events, lake, calendar, window_seconds))
    if both:
        _run(pipeline_command(scenario, events, other, None, window_seconds))
    incidents = [
        Incident(each["kind"], parse_rfc3339_us(each["start"]), parse_rfc3339_us(each["end"]))
        for each in happened
    ]
    anomalous = {each["kind"] for each in happened if each["is_anomaly"]}
    return Played(
        scenario,
        [each for each in incidents if each.kind in anomalous],
        [each for each in incidents if each.kind not in anomalous],
        read_alerts(lake),
        read_alerts(other) if both else [],
        read_windows(lake),
    )


def read_alerts(lake: Path) -> list[Told]:
    """The alerts that opened, in the order of their windows."""
    opened = [
        Told(
            row["kind"],
            row["metric"],
            parse_rfc3339_us(row["window_start"]),
            parse_rfc3339_us(row["window_end"]),
        )
        for row in _rows(lake, "alerts")
        if row["state"] == "open"
    ]
    return sorted(opened, key=lambda told: told.start_us)


def read_windows(lake: Path) -> list[Window]:
    """All windows in which an order came, in order."""
    validity = {
        row["window_start"]: row["validity_rate"]
        for row in _rows(lake, "data_quality_metrics")
        if row["event_type"] == "order"
    }
    windows = [
        Window(
            parse_rfc3339_us(row["window_start"]),
            float(row["order_count"]),
            row.get("revenue"),
            validity.get(row["window_start"]),
        )
        for row in _rows(lake, "order_metrics")
        if row["dimension"] == "all"
    ]
    return sorted(windows)


def _rows(lake: Path, table: str) -> Iterator[dict[str, Any]]:
    for file in sorted((lake / "tables" / table).glob("*.jsonl")):
        with file.open("rb") as lines:
            yield from map(json.loads, lines)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise PlayFailed(f"{' '.join(command)} ended with {done.returncode}:\n{tail}")
