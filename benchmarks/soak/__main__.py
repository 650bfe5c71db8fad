"""A long run of the whole product at the demo's rate: what grows, and by how much.

    python -m benchmarks.soak [--minutes 30] [--rate 420] [--retention_seconds 300] [--json FILE]

The laptop stack, the pipeline with the demo's windows of seconds, and the generator with the demo's
faults, duplicates and late events. Every 10 s: memory of the pipeline's process, its latency from publish
to row and its CPU for each message of those 10 s; memory of the emulators apart. One line a minute; at the
end slopes, the first third beside the last, and whether each is flat. The exit code is 0 if memory and the
median latency are, and if the pipeline has finished what was published; else 1.

What the pipeline remembers by contract, ids for a day, windows for a day or a week, it remembers for
--retention_seconds here: after twice as long it forgets as much as it learns, as it would on its second
day or in its second week, and whatever grows then would grow for ever.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.soak.report import conclude, minute_line
from benchmarks.soak.run import soak
from benchmarks.soak.samples import Sample
from benchmarks.soak.trend import LEAST_POINTS
from local.demo import EVENTS_PER_SECOND
from local.errors import StackError

EVERY_SECONDS = 10.0
WARM_UP_SHARE = 1 / 3
"""Share of the run that no trend looks at, at least: caches that fill, such as the 100,000 ids of finished
messages, and the first windows."""
LEAST_MINUTES = math.ceil((LEAST_POINTS + 2) * EVERY_SECONDS * 2 / 6) / 10
"""At most half of a run is left out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return the exit code."""
    parser = _parser()
    flags = parser.parse_args(arguments)
    seconds, load = flags.minutes * 60, os.getloadavg()[0]
    skipped_seconds = max(seconds * WARM_UP_SHARE, min(2 * flags.retention_seconds, seconds / 2))
    if (seconds - skipped_seconds) / EVERY_SECONDS < LEAST_POINTS + 2:
        parser.error(
            f"--minutes={flags.minutes:g}: too short to tell a trend: give at least {LEAST_MINUTES:g}."
        )
    print(f"{os.cpu_count()} cores, load average before: {load:.1f}")
    print(f"{flags.rate:g} events/s for {flags.minutes:g} min", flush=True)
    samples: list[Sample] = []
    last_shown: Sample | None = None
    complaint = ""
    try:
        for sample in soak(flags.rate, seconds, EVERY_SECONDS, flags.windows, flags.retention_seconds):
            samples.append(sample)
            if len(samples) % round(60 / EVERY_SECONDS) == 0:
                print(minute_line(sample, last_shown), flush=True)
                last_shown = sample
    except (RuntimeError, StackError) as error:
        complaint = str(error)
    except KeyboardInterrupt:
        complaint = "the run was interrupted"
    run = {
        "minutes": flags.minutes,
        "rate": flags.rate,
        "windows": flags.windows,
        "retention_seconds": flags.retention_seconds,
        "skipped_seconds": skipped_seconds,
        "load_before": round(load, 2),
    }
    said, is_passed = conclude(flags.json, run, samples, skipped_seconds, complaint)
    print(f"\n{said}\nThe first {skipped_seconds / 60:.1f} min are left out. Every sample: {flags.json}")
    return 0 if is_passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30, help="of publishing (default: %(default)g)")
    parser.add_argument(
        "--rate", type=float, default=EVENTS_PER_SECOND, help="events/s (default: %(default)g)"
    )
    parser.add_argument(
        "--windows",
        choices=("demo", "default"),
        default="demo",
        help="the demo's windows of 5 s, or the pipeline's defaults (default: %(default)s)",
    )
    parser.add_argument(
        "--retention_seconds",
        type=int,
        default=300,
        help="how long ids are remembered and windows take late events; 0: as long as in the demo, a day "
        "and a week (default: %(default)s)",
    )
    parser.add_argument(
        "--json", type=Path, default=Path("benchmarks-output/soak.json"), help="default: %(default)s"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
