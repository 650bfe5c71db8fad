"""Faults on purpose: `python -m local.chaos [--only NAME…] [--seeds 1,2] [--output DIR]`."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from local.__main__ import OneSentenceParser
from local.chaos.report import cells, sentences, terminal_table, write_reports
from local.chaos.run import run_trials, stacks_of_our_own
from local.chaos.scenarios import SCENARIOS
from local.errors import StackError

DEFAULT_OUTPUT = Path("demo-output") / "chaos"
MARK = "chaos.json"
WIDTH_OF_A_FILE = 160
"""Characters, where no terminal says how wide it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run scenarios; returns 0 if nothing was lost or doubled and each control did damage, else 1."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # connections are broken on purpose all the time
    parser = _parser()
    flags = parser.parse_args(arguments)
    _empty(flags.output, parser)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _break_off)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_A_FILE
    trials = [(SCENARIOS[name], seed) for name in flags.only for seed in flags.seeds]
    console.print(f"{len(trials)} trials, {flags.side_by_side} side by side; logs in {flags.output}/")
    try:
        with stacks_of_our_own(flags.output, min(flags.side_by_side, len(trials))) as stacks:
            results = run_trials(
                trials,
                flags.output,
                stacks,
                lambda result: console.print("  ".join(cells(result)), soft_wrap=True),
                flags.outage_seconds,
            )
    except StackError as error:
        print(f"python -m local.chaos: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("python -m local.chaos: stopped; nothing is left running.", file=sys.stderr)
        return 130
    write_reports(results, flags.output)
    console.print(terminal_table(results))
    for sentence in sentences(results):
        console.print(sentence, soft_wrap=True)
    return 1 if any(result.failures for result in results) else 0


def _break_off(number: int, frame: object) -> None:
    """End everything in order, undisturbed by the next signal."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _empty(output: Path, parser: argparse.ArgumentParser) -> None:
    """Remove what an earlier run has left, and nothing else."""
    if output.is_dir() and any(output.iterdir()):
        if not (output / MARK).is_file():
            parser.error(f"--output={output} holds files that no run of this made: name another folder.")
        shutil.rmtree(output)
    output.mkdir(parents=True, exist_ok=True)
    (output / MARK).write_text("[]\n")


def _parser() -> argparse.ArgumentParser:
    parser = OneSentenceParser(
        prog="python -m local.chaos",
        description="Break what can be broken while messages are published, and count what became of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scenarios:\n" + "\n".join(f"  {each.name}: {each.what}" for each in SCENARIOS.values()),
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), metavar="NAME", help="default: all")
    add("--seeds", type=_seeds, default=[1, 2], metavar="N[,N]", help="default: 1,2")
    add("--output", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="default: %(default)s")
    add("--side_by_side", type=_stacks, default=2, metavar="N", help="trials at once; default: %(default)s")
    add("--outage_seconds", type=_seconds, metavar="S", help="length of an outage; default: 3 to 6")
    return parser


def _seconds(text: str) -> float:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from 1 to 100: after 120 s without BigQuery the pipeline ends"
        )
    return float(text)


def _seeds(text: str) -> list[int]:
    seeds = text.split(",")
    if not all(seed.isascii() and seed.isdigit() for seed in seeds) or len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different whole numbers, such as 1,2,3")
    return [int(seed) for seed in seeds]


def _stacks(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 16:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 16")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
