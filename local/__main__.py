"""The laptop stack.

`demo` shows the product, `up` runs its stack, `sql` asks its warehouse a question, `report` draws it.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from pipeline.rfc3339 import parse_rfc3339_us

DEFAULT_OUTPUT = Path("demo-output")
DEFAULT_STATE = DEFAULT_OUTPUT / "state"
DEFAULT_PROJECT = "local-shop"

_PROJECT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")


class OneSentenceParser(argparse.ArgumentParser):
    """Answers a wrong flag with one sentence and exit code 2, and takes no abbreviation for one."""

    def __init__(self, **settings: Any) -> None:
        """Take what argparse takes."""
        super().__init__(**{**settings, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Print `message` and leave."""
        self.exit(2, f"{self.prog}: {message}\n")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give 0 (a free one) to 65535")
    return int(text)


def _project(text: str) -> str:
    if _PROJECT_ID.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a project id: 6 to 30 lower-case letters, digits and hyphens, first a letter"
        )
    return text


def _file_in_a_folder(text: str) -> Path:
    path = Path(text).absolute()
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a file in a folder that exists")
    return path


def _demo_seconds(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 75 <= int(text) <= 3_600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 75 to 3600")
    return int(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        time_us = parse_rfc3339_us(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


def _parser() -> argparse.ArgumentParser:
    parser = OneSentenceParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="demo|up|sql|report")

    up = commands.add_parser(
        "up",
        help="run the stack until SIGINT or SIGTERM",
        description="Run the stack until SIGINT or SIGTERM. Every message of the events topic is kept in "
        "raw/date=…/hour=…/ of the bucket, from where a backfill reads it.",
    )
    up.add_argument(
        "--state",
        type=Path,
        default=DEFAULT_STATE,
        metavar="DIR",
        help="data and logs (default: %(default)s)",
    )
    up.add_argument(
        "--env-file",
        type=_file_in_a_folder,
        required=True,
        metavar="FILE",
        help="gets KEY=VALUE lines once everything is ready, and is removed at the end",
    )
    up.add_argument("--fresh", action="store_true", help="remove what earlier runs left in --state")
    up.add_argument("--project", type=_project, default=DEFAULT_PROJECT, help="default: %(default)s")
    up.add_argument(
        "--pubsub",
        choices=("embedded", "official", "auto"),
        default="auto",
        help="auto (the default): the official emulator where it is installed, else the embedded server",
    )
    for part in ("pubsub", "bigquery", "storage", "function"):
        up.add_argument(
            f"--{part}-port", type=_port, default=0, metavar="PORT", help="default: 0, a free one"
        )

    up.set_defaults(parser=up)

    demo = commands.add_parser("demo", help="run the whole product for a minute and check every figure")
    demo.add_argument(
        "--output", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="default: %(default)s"
    )
    demo.add_argument("--seconds", type=_demo_seconds, default=75, help="default: %(default)s")
    demo.add_argument("--seed", type=_seed, default=7, help="of the generator; default: %(default)s")
    demo.add_argument("--pubsub", choices=("embedded", "official", "auto"), default="auto", help="as for up")

    sql = commands.add_parser("sql", help="answer a question on what a stack has left in its state")
    sql.add_argument("question", metavar="SELECT …", help="BigQuery SQL; tables need no dataset")
    sql.add_argument("--state", type=Path, default=DEFAULT_STATE, metavar="DIR", help="default: %(default)s")
    sql.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")

    report = commands.add_parser(
        "report",
        help="write an HTML page about what a stack has left in its state",
        description="Write one HTML page, which loads nothing: orders and revenue with what was expected, "
        "alerts, dead letters, the ledger, latency.",
    )
    report.add_argument(
        "--state", type=Path, default=DEFAULT_STATE, metavar="DIR", help="default: %(default)s"
    )
    report.add_argument(
        "--output",
        type=_file_in_a_folder,
        default=DEFAULT_OUTPUT / "report.html",
        metavar="FILE",
        help="default: %(default)s",
    )
    report.add_argument("--since", type=_moment, metavar="TIME", help="RFC 3339; leave out what was before")
    report.add_argument("--until", type=_moment, metavar="TIME", help="RFC 3339; leave out this and later")
    report.set_defaults(parser=report)
    return parser


def up(flags: argparse.Namespace) -> int:
    """Run the stack until a signal (exit code 0) or until a part ends (1)."""
    from local.child import port_is_free
    from local.errors import StackError
    from local.stack import LISTENING_PARTS, Stack
    from local.state import write_environment_file

    ports = {part: getattr(flags, f"{part}_port") for part in LISTENING_PARTS}
    given = [port for port in ports.values() if port]
    for part, port in ports.items():
        if port and given.count(port) > 1:
            flags.parser.error(f"--{part}-port: {port} is given to two parts")
        if port and not port_is_free(port):
            flags.parser.error(f"--{part}-port: {port} is in use: choose another, or 0 for a free one")

    asked_to_end = threading.Event()

    def on_signal(number: int, frame: object) -> None:
        asked_to_end.set()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)

    stack = Stack(
        flags.state,
        project=flags.project,
        pubsub=flags.pubsub,
        ports=ports,
        fresh=flags.fresh,
        report=lambda line: print(line, flush=True),
    )
    ready = False
    try:
        stack.start()
        ready = True
        write_environment_file(flags.env_file, stack.environment)
        print(f"Ready: {flags.env_file}. Ctrl-C ends the stack.", flush=True)
        while not asked_to_end.wait(0.5):
            stack.check()
    except KeyboardInterrupt:
        return 0
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        stack.stop()
        if ready:  # else the file, if there is one, is another stack's
            flags.env_file.unlink(missing_ok=True)
    return 0


def demo(flags: argparse.Namespace) -> int:
    """Run the demo: 0 if everything adds up, 1 if not, 130 if it was interrupted."""
    from local.demo import run_demo
    from local.errors import StackError

    def on_signal(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, on_signal)
    try:
        return run_demo(flags.output, flags.seconds, flags.seed, flags.pubsub)
    except KeyboardInterrupt:
        print("The demo was interrupted.", file=sys.stderr)
        return 130
    except StackError as error:
        print(error, file=sys.stderr)
        return 1


def sql(flags: argparse.Namespace) -> int:
    """Print the answer, or one sentence (1) where there is none."""
    from local.answer import to_text
    from local.errors import StackError
    from local.sql import ask

    try:
        answer = ask(flags.question, flags.state)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    print(to_text(answer, flags.format))
    return 0


def report(flags: argparse.Namespace) -> int:
    """Write the page and say where it is, or one sentence (1) where there is no warehouse."""
    from local.errors import StackError
    from local.report import write_report

    if flags.since is not None and flags.until is not None and flags.since >= flags.until:
        flags.parser.error("--until: must be later than --since")
    try:
        write_report(flags.state, flags.output, flags.since, flags.until)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The report: {flags.output}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands and return its exit code."""
    flags = _parser().parse_args(arguments)
    # The commands import what they need: a wrong flag is answered at once, not after a second.
    return {"demo": demo, "up": up, "sql": sql, "report": report}[flags.command](flags)


if __name__ == "__main__":
    sys.exit(main())
