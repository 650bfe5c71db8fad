"""The command line of one of the package's smaller commands: a table of flags, read and checked."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Collection, Sequence
from typing import Any

from pipeline.commands import FlagParser
from pipeline.errors import UsageError
from pipeline.flags import Flag, complaint, truth


def read_flags(
    flags: Sequence[Flag],
    argv: Sequence[str],
    *,
    command: str,
    noun: str,
    description: str,
    epilog: str | None = None,
    lists: Collection[str] = (),
) -> dict[str, Any]:
    """Return the value of every flag by its name; of those in `lists`, a list of values or None.

    `noun` is what the command does, for the message about a flag that it does not have.
    Raises UsageError with one sentence for a flag that is unknown, missing or wrong; prints the help and
    raises SystemExit for --help.
    """
    parser = FlagParser(
        prog=f"python -m {command}", description=description, epilog=epilog, allow_abbrev=False
    )
    for flag in flags:
        _declare(parser, flag, flag.name in lists)
    known, unknown = parser.parse_known_args(list(argv))
    if unknown:
        name = unknown[0].split("=", 1)[0]
        near = difflib.get_close_matches(name, [f"--{flag.name}" for flag in flags], n=1)
        hint = f"did you mean {near[0]}?" if near else "--help lists the flags."
        raise UsageError(f"{name} is not a flag of {noun}: {hint}")
    given = vars(known)
    for flag in flags:
        wrong = None if flag.name in lists else complaint(flag, given[flag.name])
        if wrong is not None:
            raise UsageError(wrong)
    return given


def _declare(parser: argparse.ArgumentParser, flag: Flag, is_list: bool) -> None:
    notes = [f"For example {flag.example}."] if flag.example and not flag.choices else []
    notes += ["Required."] if flag.required else []
    notes += [f"Default: {flag.default}."] if flag.default is not None else []
    settings: dict[str, Any] = {"nargs": "?", "const": True} if flag.type is truth else {}
    if is_list:
        notes.append("Several after commas, or by repeating the flag.")
        settings["action"] = "append"
    parser.add_argument(
        f"--{flag.name}",
        **settings,
        type=flag.type,
        default=flag.default,
        choices=flag.choices,
        metavar=None if flag.choices else flag.name.rsplit("_", 1)[-1].upper(),
        help=" ".join([flag.help, *notes]),
    )
