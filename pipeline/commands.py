"""What the package's commands have in common: how flags are refused, how a run ends, what signals do."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from google.auth.exceptions import DefaultCredentialsError

from pipeline.errors import ContractFileError, PipelineError, UsageError

INTERRUPTED = 130
NO_CREDENTIALS = (
    "there are no Google Cloud credentials: run `gcloud auth application-default login`, or set "
    "PUBSUB_EMULATOR_HOST, BIGQUERY_EMULATOR_HOST and STORAGE_EMULATOR_HOST, which `python -m local up` "
    "writes to its --env-file."
)


class FlagParser(argparse.ArgumentParser):
    """Raises UsageError for a wrong flag, where argparse would print its usage and leave."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{message}; --help lists the flags.")


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log what the package has to say from `level` on, and warnings of what it is built on."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("apache_beam", "google", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("google.auth").setLevel(logging.ERROR)  # what it warns of, NO_CREDENTIALS says


def exit_code(run: Callable[[], int]) -> int:
    """What `run` returns; for an error, after one sentence, 2 if the caller can mend it and 1 otherwise."""
    try:
        return run()
    except (UsageError, ContractFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except DefaultCredentialsError:
        print(f"error: {NO_CREDENTIALS}", file=sys.stderr)
        return 2
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped.", file=sys.stderr)
        return INTERRUPTED


@contextmanager
def on_signal(act: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Act on the first SIGINT or SIGTERM; leave at once on the second."""
    seen = False

    def handle(number: int, _: object) -> None:
        nonlocal seen
        if seen:
            os._exit(INTERRUPTED)
        seen = True
        act(signal.Signals(number))

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
