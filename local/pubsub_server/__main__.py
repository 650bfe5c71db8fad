"""Run the embedded Pub/Sub server until SIGINT or SIGTERM: `python -m local.pubsub_server`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from local.pubsub_server.server import serving


def _whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return an argparse type for a number within these bounds."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(f"give a whole number from {minimum} to {maximum}, not {text}")
        return int(text)

    return parse


def _flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.pubsub_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=_whole_number(0, 65_535), default=0, help="port; 0 takes a free one (default)"
    )
    parser.add_argument("--port-file", type=Path, help="write host:port to this file when ready")
    parser.add_argument(
        "--max-retained-mib",
        type=_whole_number(1, 1 << 20),
        default=1_024,
        help="memory for unacknowledged messages, in MiB; publishing fails beyond it (default: %(default)s)",
    )
    flags = parser.parse_args(arguments)
    if flags.port_file is not None and not flags.port_file.parent.is_dir():
        parser.error(f"--port-file: there is no directory {flags.port_file.parent}")
    return flags


def _write_whole(path: Path, text: str) -> None:
    """Write a file that nobody can see half written."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(text)
    os.replace(unfinished, path)


async def _serve(flags: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with serving(flags.host, flags.port, flags.max_retained_mib << 20) as address:
        if flags.port_file is not None:
            _write_whole(flags.port_file, address + "\n")
        print(f"Pub/Sub server ready: PUBSUB_EMULATOR_HOST={address}", flush=True)
        await stopped.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the flags and serve. Returns the exit code."""
    flags = _flags(arguments)
    try:
        asyncio.run(_serve(flags))
    except OSError as error:
        print(f"{error}; choose another --port, or 0 for a free one.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
