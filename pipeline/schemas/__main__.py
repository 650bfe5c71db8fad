"""Tell whether a change of the contract breaks somebody.

    python -m pipeline.schemas check OLD NEW

OLD and NEW are files such as schemas.json. Exit code 0 if the change is safe, with the order in which to roll
it out; 1 if it breaks something, or if OLD does not keep the rules of now; 2 if NEW is no contract or OLD
cannot be read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.commands import FlagParser, exit_code
from pipeline.contract import load_contract, read_file
from pipeline.errors import ContractFileError
from pipeline.schemas.changes import Change, Effect, changes

APPLY = "terraform apply: tables and views take the change in place"
DEPLOY = "deploy the pipeline: it accepts what is new, and still what was valid before"
PRODUCE = "let producers send what is new"
INSTEAD = (
    "Instead: add a NULLABLE column beside the old one, or another event_type with a table of its own; move "
    "the producers and those who query; and leave the old one where it is, unused."
)
UNCOMPARED = "OLD does not keep the rules of now, so it is not compared: what else breaks is for you to see."


def main(argv: Sequence[str]) -> int:
    """Compare two files. Returns 0 or 1; raises UsageError, ContractFileError."""
    parser = FlagParser(prog="python -m pipeline.schemas", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="check", dest="command")
    check = commands.add_parser("check", help="compare two versions of the contract")
    check.add_argument("old", type=Path, metavar="OLD")
    check.add_argument("new", type=Path, metavar="NEW")
    given = parser.parse_args(argv)
    new = load_contract(given.new)
    read_file(given.old)  # what cannot be read is no contract of any time
    try:
        old = load_contract(given.old, is_lifted=False)
    except ContractFileError as error:
        # Somebody may allow what breaks: a rule that is new today must not stop all builds after it.
        print(f"{Effect.BREAKS.value:9} {error}\n{UNCOMPARED}")
        return 1
    found = changes(old, new)
    print("\n".join(report(found)))
    return int(any(change.effect is Effect.BREAKS for change in found))


def report(found: Sequence[Change]) -> list[str]:
    """What was found, line by line, and what to do."""
    if not found:
        return ["Nothing is different."]
    lines = [f"{change.effect.value:9} {change.place} {change.said}." for change in found]
    effects = {change.effect for change in found}
    if Effect.BREAKS in effects:
        return [*lines, INSTEAD]
    return [*lines, "Roll it out in this order:", *rollout(effects)]


def rollout(effects: set[Effect]) -> list[str]:
    """The steps that safe changes need, numbered."""
    steps = []
    if effects & {Effect.TABLE, Effect.TEXT}:
        steps.append(APPLY)
    if effects & {Effect.TABLE, Effect.PIPELINE}:
        steps += [DEPLOY, PRODUCE]
    return [f"{number}. {step}." for number, step in enumerate(steps, 1)]


if __name__ == "__main__":
    sys.exit(exit_code(lambda: main(sys.argv[1:])))
