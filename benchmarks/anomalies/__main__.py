"""How often the detection is right: labelled weeks of a shop, through generator and pipeline.

    python -m benchmarks.anomalies [--days 60] [--seeds 1 2] [--tuning_seeds 101] [--work_dir DIR]

Each seed is played by the generator into a file and read by the pipeline as a backfill, with the defaults
of its detectors but --min_validity_messages. Beside them Beam's stock detectors and a fixed threshold judge
the same windows: at their default threshold, and at the one that is best on the tuning seeds. The constants
of our detectors were chosen on tuning seeds, too; the scoring seeds are others.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.anomalies.play import Played, PlayFailed, play
from benchmarks.anomalies.report import tables
from benchmarks.anomalies.scenario import PROMOTIONS, QUIET_DAYS, RECIPES, draw

RATE = 0.5
"""Messages per second: some hundred orders in five minutes, on average."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, score and print."""
    flags = _parser().parse_args(arguments)
    if flags.days < QUIET_DAYS + PROMOTIONS + len(RECIPES):
        sys.exit(
            f"--days={flags.days} is too few: {QUIET_DAYS} quiet days, 2 of promotions, one for each kind."
        )
    if set(flags.seeds) & set(flags.tuning_seeds):
        sys.exit("--seeds and --tuning_seeds have a seed in common: what was tuned on must not be scored.")
    folder = flags.work_dir or Path(tempfile.mkdtemp(prefix="anomalies-"))
    try:
        with ThreadPoolExecutor(flags.side_by_side) as pool:
            seeds = [*flags.seeds, *flags.tuning_seeds]
            all_played = list(pool.map(lambda seed: _play(seed, flags, folder), seeds))
    except PlayFailed as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if flags.work_dir is None:
            shutil.rmtree(folder, ignore_errors=True)
    scored, tuned_on = all_played[: len(flags.seeds)], all_played[len(flags.seeds) :]
    print()
    for line in tables(scored, tuned_on, flags.window_seconds * 1_000_000):
        print(line)
    return 0


def _play(seed: int, flags: argparse.Namespace, folder: Path) -> Played:
    scenario = draw(seed, flags.days, flags.rate, flags.window_seconds)
    is_scored = seed in flags.seeds
    played = play(scenario, folder / f"seed-{seed}", flags.window_seconds, both=is_scored)
    print(f"seed {seed}: {len(played.incidents)} incidents, {len(played.alerts)} alerts", flush=True)
    return played


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.anomalies", description=__doc__.split("\n")[0]
    )
    add = parser.add_argument
    add("--days", type=int, default=60, help="of each seed (default: %(default)s)")
    add("--seeds", type=int, nargs="+", default=[1, 2], help="that are scored (default: 1 2)")
    add("--tuning_seeds", type=int, nargs="*", default=[101], help="of the peers' thresholds (default: 101)")
    add("--rate", type=float, default=RATE, help="messages per second (default: %(default)s)")
    add("--window_seconds", type=int, default=300, help="default: %(default)s")
    add("--side_by_side", type=int, default=2, help="seeds played at once (default: %(default)s)")
    add("--work_dir", type=Path, help="keeps what was played (default: a temporary folder, removed)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
