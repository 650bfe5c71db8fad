"""`python -m generator`: see `--help`."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from generator.options import parse_options
from generator.run import run
from generator.vocabulary import Vocabulary
from pipeline.contract import load_contract
from pipeline.errors import ContractFileError, UsageError


def main(arguments: Sequence[str]) -> int:
    """Run the generator; return 0, 1 if something could not be published, 2 for a wrong flag."""
    stop = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)  # a second one ends it at once

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        contract = load_contract()
        options = parse_options(arguments, Vocabulary(contract))
        outcome = run(options, contract, stop)
    except (UsageError, ContractFileError) as error:
        print(f"generator: {error}", file=sys.stderr)
        return 2
    if outcome.problem:
        print(f"generator: {outcome.problem}.", file=sys.stderr)
    return 1 if outcome.problem or outcome.ledger.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
