"""A shop's weeks, drawn from a seed: when which incident happens, and when a promotion does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

START = "2026-01-05T00:00:00Z"
"""A Monday."""
QUIET_DAYS = 14
"""Before the first incident. What is told in them counts, too."""
PROMOTIONS = 2
MINUTES_A_DAY = 24 * 60
USUAL_WINDOW_SECONDS = 300
SUDDEN_MINUTES = 120
PRODUCTS_PER_RATE = 80
"""Products for a message per second: each is restocked about once a day."""


class Recipe(NamedTuple):
    """How an incident of one kind is drawn: uniformly within these bounds."""

    minutes: tuple[int, int]
    factor: tuple[float, float] | None
    """None: the kind has none."""


RECIPES: dict[str, Recipe] = {
    "order_spike": Recipe((30, 90), (3.0, 6.0)),
    "order_drop": Recipe((45, 120), (0.05, 0.3)),
    "silence": Recipe((20, 60), None),
    "order_drift": Recipe((600, 960), (0.35, 0.5)),
    "bad_deploy": Recipe((30, 90), (0.3, 0.8)),
    "fraud_burst": Recipe((30, 60), (0.1, 0.3)),
    "stock_out": Recipe((480, 720), (0.6, 1.0)),
}
PROMOTION = Recipe((600, 1_200), (1.6, 2.2))


class Planned(NamedTuple):
    """Something that is to happen; `minute` counts from the start of the scenario."""

    kind: str
    minute: int
    minutes: int
    factor: float | None

    @property
    def spec(self) -> str:
        """As the generator's --incident takes it."""
        factor = "" if self.factor is None else f"x{self.factor:.2f}"
        return f"{self.kind}@{self.minute}m+{self.minutes}m{factor}"


class Scenario(NamedTuple):
    """So many days of a shop."""

    seed: int
    days: int
    rate: float
    """Messages per second."""
    planned: tuple[Planned, ...]


def draw(seed: int, days: int, rate: float, window_seconds: int = USUAL_WINDOW_SECONDS) -> Scenario:
    """At most one incident a day, all kinds equally often, two days of promotions.

    With longer windows sudden incidents last longer, too: as many windows as with the usual ones.
    """
    times = window_seconds / USUAL_WINDOW_SECONDS
    rng = Random(f"{seed}:scenario")
    free = list(range(QUIET_DAYS, days))
    rng.shuffle(free)
    planned = [_draw(rng, "promotion", PROMOTION, free.pop(), 1) for _ in range(PROMOTIONS)]
    rounds = len(free) // len(RECIPES)
    for kind, recipe in RECIPES.items():
        longer = times if recipe.minutes[1] <= SUDDEN_MINUTES else 1
        planned += [_draw(rng, kind, recipe, free.pop(), longer) for _ in range(rounds)]
    return Scenario(seed, days, rate, tuple(sorted(planned, key=lambda each: each.minute)))


def _draw(rng: Random, kind: str, recipe: Recipe, day: int, longer: float) -> Planned:
    minutes = round(longer * rng.randint(*recipe.minutes))
    minute = day * MINUTES_A_DAY + rng.randint(0, MINUTES_A_DAY - minutes - 60)
    factor = None if recipe.factor is None else round(rng.uniform(*recipe.factor), 2)
    return Planned(kind, minute, minutes, factor)


def generator_command(scenario: Scenario, events: Path, labels: Path) -> list[str]:
    """The generator that plays it: a shop with a rhythm of day and week, and noise."""
    return [
        sys.executable,
        "-m",
        "generator",
        "--to=jsonl",
        f"--path={events}",
        f"--labels={labels}",
        f"--seconds={scenario.days * 86_400}",
        f"--start={START}",
        f"--seed={scenario.seed}",
        f"--rate={scenario.rate}",
        "--event_types=order,inventory",
        "--order_seconds=21600",
        f"--products={max(6, round(PRODUCTS_PER_RATE * scenario.rate))}",
        "--warehouses=2",
        "--rhythm_amplitude=0.8",
        "--weekly_amplitude=0.6",
        "--noise=0.05",
        "--malformed_share=0.005",
        "--duplicate_share=0.01",
        "--late_share=0.01",
        *(f"--incident={each.spec}" for each in scenario.planned),
    ]


def pipeline_command(
    scenario: Scenario, events: Path, output: Path, calendar: Path | None, window_seconds: int
) -> list[str]:
    """The pipeline that reads it, with the defaults of its detectors but one: a night's window has only some
    forty order messages, so `--min_validity_messages` is lowered."""
    return [
        sys.executable,
        "-m",
        "pipeline.main",
        "--is_backfill",
        f"--input_path={events}",
        f"--output_bucket={output}",
        "--bq_dataset=none",
        f"--run_id=seed-{scenario.seed}",
        f"--order_window_seconds={window_seconds}",
        f"--quality_window_seconds={window_seconds}",
        "--min_validity_messages=30",
        *([] if calendar is None else [f"--promotions_path={calendar}"]),
    ]


def write_calendar(labels: list[dict[str, Any]], path: Path) -> None:
    """The promotions as the shop announces them: with some room above what comes of them."""
    promotions = [
        {"start": each["start"], "end": each["end"], "factor": round(1.25 * each["factor"], 2)}
        for each in labels
        if each["kind"] == "promotion"
    ]
    path.write_text(json.dumps(promotions))
