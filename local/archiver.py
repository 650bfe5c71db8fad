"""Keeps every message of a subscription, verbatim, in a folder of a bucket: the laptop's raw archive.

`python -m local.archiver --subscription projects/…/subscriptions/… --to gs://bucket/raw` with
PUBSUB_EMULATOR_HOST and STORAGE_EMULATOR_HOST set. It acknowledges a message once the object that holds
it is written; SIGTERM lets it take in what still waits, write it and end. In the cloud a Pub/Sub to Cloud
Storage subscription does this instead: docs/backfill.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from local.archive_batch import Batch
from local.archive_clients import Folder, Subscription, UnreachableError

READY = "Archiving "
"""In the line that says that it reads the subscription; from then on SIGTERM means: and what waits there."""

_FOLDER = re.compile(r"gs://[^/]+/\S*[^\s/]")
_START_TURN_SECONDS = 0.1
_TURN_SECONDS = 1.0
"""Pause between looks at the subscription: a pull costs about the same for one message as for a hundred."""
_BATCH_MESSAGES = 20_000
_BATCH_BYTES = 16_000_000
# After SIGTERM: how long it takes in messages, and how long it tries to write and acknowledge them.
_LAST_PULL_SECONDS = 5.0
_LAST_WRITE_SECONDS = 7.0


class Archiver:
    """Pulls, writes and acknowledges in turns of about a second; what fails is tried in the next turn.

    Leases are not extended: a message that comes again while it is held only renews its acknowledgement id.
    """

    def __init__(self, subscription: Subscription, folder: Folder, every_seconds: float) -> None:
        """Write an object about every `every_seconds`, or sooner when there is enough for one."""
        self._subscription = subscription
        self._folder = folder
        self._every_seconds = every_seconds
        self._batch = Batch()
        self._to_acknowledge: list[str] = []
        self._failing: set[str] = set()
        self._stopped_at: float | None = None
        # A signal's handler may interrupt the wait for it: a SimpleQueue allows that, an Event does not.
        self._stop_wishes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._messages = self._objects = 0

    def stop(self) -> None:
        """Let `run` come to its end; for a signal's handler."""
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
            self._stop_wishes.put(None)

    def run(self) -> None:
        """Archive until `stop`, then what still waits in the subscription."""
        while self._stopped_at is None and not self._is_reachable():
            self._rest(_START_TURN_SECONDS)
        _say(f"{READY}{self._subscription.name} in {self._folder.uri}.")
        while self._stopped_at is None:
            self._pull()
            if self._is_full() or self._batch.age_seconds() >= self._every_seconds:
                self._write()
            self._acknowledge()
            self._rest(_TURN_SECONDS)
        while self._pull() and self._seconds_since_stop() < _LAST_PULL_SECONDS:
            self._write()
        self._write()
        self._acknowledge()
        while (self._batch or self._to_acknowledge) and self._seconds_since_stop() < _LAST_WRITE_SECONDS:
            time.sleep(0.2)
            self._write()
            self._acknowledge()
        _say(f"Ended: {self._messages:,} messages in {self._objects:,} objects.")
        if self._batch:
            _say(f"{len(self._batch):,} messages could not be written; they stay in the subscription.")

    def _is_reachable(self) -> bool:
        with self._said_once("pull"):
            self._batch.add(self._subscription.pull())
        return "pull" not in self._failing

    def _rest(self, seconds: float) -> None:
        """Wait, but not for longer than until `stop`."""
        with contextlib.suppress(queue.Empty):
            self._stop_wishes.get(timeout=seconds)

    def _pull(self) -> bool:
        """Take in messages until none waits or there is enough for an object; False if there were none."""
        before = len(self._batch)
        while not self._is_full():
            received: Sequence[Any] = ()
            with self._said_once("pull"):
                received = self._subscription.pull()
            if not received:
                break
            self._batch.add(received)
        return len(self._batch) > before

    def _write(self) -> None:
        for each in self._batch.objects():
            with self._said_once("write"):
                self._folder.write(each.name, each.data)
                self._to_acknowledge += self._batch.remove(each.message_ids)
                self._messages += len(each.message_ids)
                self._objects += 1
                _say(f"{len(each.message_ids):,} messages in {each.name}, {len(each.data):,} bytes.")

    def _acknowledge(self) -> None:
        if self._to_acknowledge:
            with self._said_once("acknowledge"):
                self._subscription.acknowledge(self._to_acknowledge)
                self._to_acknowledge = []

    @contextlib.contextmanager
    def _said_once(self, what: str) -> Iterator[None]:
        """Let a failure that may pass end the block; say so where the last time went well."""
        try:
            yield
        except UnreachableError as error:
            if what not in self._failing:
                _say(f"Cannot {what}, and will go on trying: {error}")
            self._failing.add(what)
        else:
            if what in self._failing:
                _say(f"Can {what} again.")
            self._failing.discard(what)

    def _is_full(self) -> bool:
        return len(self._batch) >= _BATCH_MESSAGES or self._batch.bytes >= _BATCH_BYTES

    def _seconds_since_stop(self) -> float:
        return 0.0 if self._stopped_at is None else time.monotonic() - self._stopped_at


def _say(line: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", file=sys.stderr, flush=True)


def _seconds(text: str) -> float:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 3_600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 3600")
    return float(text)


def _folder(text: str) -> str:
    if _FOLDER.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not gs://BUCKET/FOLDER")
    return text


def _address(variable: str, parser: argparse.ArgumentParser) -> str:
    address = os.environ.get(variable)
    if not address:
        parser.error(f"{variable} is not set: source the file that `python -m local up` writes")
    return address


def main(arguments: Sequence[str] | None = None) -> int:
    """Archive until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local.archiver", description=__doc__.partition("\n")[0])
    parser.add_argument("--subscription", required=True, help="projects/…/subscriptions/…")
    parser.add_argument(
        "--to", type=_folder, required=True, metavar="gs://BUCKET/FOLDER", help="where the objects go"
    )
    parser.add_argument(
        "--every-seconds", type=_seconds, default=10.0, metavar="N", help="time between objects; default: 10"
    )
    flags = parser.parse_args(arguments)
    archiver = Archiver(
        Subscription(_address("PUBSUB_EMULATOR_HOST", parser), flags.subscription),
        Folder(_address("STORAGE_EMULATOR_HOST", parser), flags.to),
        flags.every_seconds,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: archiver.stop())
    archiver.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
