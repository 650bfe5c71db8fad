"""Mutated inputs by the hundred thousand: how many, how they ended, the slowest, and memory.

    python -m benchmarks.fuzz [--inputs 1000000] [--seed 1] [--only parse_reject …] [--no_extremes]

Each target starts from right inputs and from the wrong ones that the tests know, and mutates them. Then
payloads of 10 MB that are made to be slow go through the parser and into dead letters. Whatever a target
does not declare is a find: its input is written to benchmarks-output/fuzz/, and the exit code is 1.
The same seed makes the same inputs.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

from benchmarks.fuzz.extremes import EXTREMES
from benchmarks.fuzz.mutation import SEPARATOR, mutated
from benchmarks.fuzz.targets import NAMES, Target, target
from benchmarks.soak.samples import memory_of
from pipeline.json_text import MAX_PAYLOAD_BYTES

FINDS = Path("benchmarks-output/fuzz")
SHOWN_OUTCOMES = 6
EXTREME_BYTES = MAX_PAYLOAD_BYTES - 1_000


class Tally:
    """What became of a target's inputs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.outcomes: Counter[str] = Counter()
        self.finds: Counter[str] = Counter()
        self.cpu_seconds = 0.0
        self.slowest_ms = 0.0
        """CPU, so that a busy machine does not count as slowness of the product."""
        self.slowest = b""

    def feed(self, one: Target, data: bytes) -> None:
        """Run one input."""
        begun = time.process_time()
        try:
            self.outcomes[one.run(data)] += 1
        except (Exception, MemoryError) as error:
            self._keep(error, data)
        seconds = time.process_time() - begun
        self.cpu_seconds += seconds
        if seconds * 1_000 > self.slowest_ms:
            self.slowest_ms, self.slowest = seconds * 1_000, data

    def _keep(self, error: Exception, data: bytes) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        self.finds[what] += 1
        if self.finds[what] == 1:
            FINDS.mkdir(parents=True, exist_ok=True)
            path = FINDS / f"{self.name}-{len(self.finds)}.bin"
            path.write_bytes(data)
            print(f"FIND {self.name}: {what}: {str(error)[:200]}; the input: {path}", flush=True)

    def line(self) -> str:
        """The tally in one line."""
        most = ", ".join(f"{word} {count:,}" for word, count in self.outcomes.most_common(SHOWN_OUTCOMES))
        rest = len(self.outcomes) - SHOWN_OUTCOMES
        inputs = self.outcomes.total() + self.finds.total()
        return (
            f"{self.name:16} {inputs:10,} inputs, {self.finds.total()} finds, {self.cpu_seconds:6.0f} s CPU, "
            f"slowest {self.slowest_ms:6.0f} ms ({len(self.slowest):,} bytes): {most}"
            + (f" and {rest} more" if rest > 0 else "")
        )


def main() -> int:
    """Fuzz, print, and return the exit code."""
    flags = _parser().parse_args()
    weights = {name: target(name).weight for name in flags.only}
    for name in flags.only:  # imports, caches and compiled patterns are not what an input costs
        for data in target(name).seeds():
            Tally(name).feed(target(name), data)
    before = memory_of("self")
    tallies = [
        fuzz(name, flags.inputs * weights[name] // sum(weights.values()), flags.seed) for name in flags.only
    ]
    between = memory_of("self")
    if flags.extremes:
        tallies += extremes()
    after = memory_of("self")
    finds = sum(tally.finds.total() for tally in tallies)
    inputs = sum(tally.outcomes.total() for tally in tallies) + finds
    print(f"{inputs:,} inputs, {finds} finds, slowest {max(each.slowest_ms for each in tallies):,.0f} ms CPU")
    print(
        f"RSS {before.rss:,.0f} MB before, {between.rss:,.0f} MB after the mutated inputs, "
        f"{after.rss:,.0f} MB after the extreme ones"
    )
    return 1 if finds else 0


def fuzz(name: str, count: int, seed: int) -> Tally:
    """Run `count` mutated inputs of a target."""
    one, random, tally = target(name), Random(f"{seed} {name}"), Tally(name)
    seeds = one.seeds()
    for _ in range(count):
        tally.feed(one, mutated(random.choice(seeds), seeds, random))
    print(f"{tally.line()}, RSS {memory_of('self').rss:,.0f} MB", flush=True)
    return tally


def extremes() -> list[Tally]:
    """Run each extreme payload, with and without the attribute that says its type, through both parsers."""
    tallies = []
    for name, build in EXTREMES.items():
        tally, payload = Tally(name), build(EXTREME_BYTES)
        for mode in ("parse_reject", "parse_drop"):
            tally.feed(target(mode), payload)
            tally.feed(target(mode), b"event_type=order" + SEPARATOR + payload)
        print(f"{tally.line()}, RSS {memory_of('self').rss:,.0f} MB", flush=True)
        tallies.append(tally)
    return tallies


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="targets to run")
    parser.add_argument(
        "--no_extremes", dest="extremes", action="store_false", help="leave the payloads of 10 MB out"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
