"""Flags of a command: declared in a table, read and checked before anything starts."""

from __future__ import annotations

import difflib
import math
import re
from argparse import ArgumentTypeError, _ActionsContainer
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from pipeline.commands import FlagParser
from pipeline.errors import UsageError


class Flag(NamedTuple):
    """One flag; its unit is the end of its name."""

    name: str
    help: str
    default: Any = None
    type: Any = str
    least: float | None = None
    most: float = 1_000_000_000
    """In seconds, three decades: with much more, the windows' ends leave what Beam's timestamps hold."""
    choices: tuple[str, ...] | None = None
    form: re.Pattern[str] | None = None
    example: str = ""
    """What a value looks like, for the message about one that does not."""
    required: bool = False
    only: str = ""
    """`streaming` or `backfill`, if it means something there alone."""
    also: str = ""
    """Another name for it."""


def truth(text: str) -> bool:
    """True or false; `--flag` alone means true, and a template says `--flag=true`."""
    if text.lower() not in ("true", "false"):
        raise ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def declare(parser: _ActionsContainer, flag: Flag, *, is_list: bool = False) -> None:
    """Declare one flag; one that `is_list` takes several values."""
    is_free = flag.default is None and not flag.choices
    notes = [f"For example {flag.example}."] if flag.example and is_free else []
    notes += [f"Required{' in a backfill' * (flag.only == 'backfill')}."] if flag.required else []
    notes += [f"Default: {flag.default}."] if flag.default is not None else []
    settings: dict[str, Any] = {"nargs": "?", "const": True} if flag.type is truth else {}
    if is_list:
        notes.append("Several after commas, or by repeating the flag.")
        settings["action"] = "append"
    parser.add_argument(
        *(f"--{name}" for name in (flag.name, flag.also) if name),
        **settings,
        type=flag.type,
        default=flag.default,
        choices=flag.choices,
        metavar=None if flag.choices else flag.name.rsplit("_", 1)[-1].upper(),
        help=" ".join([flag.help, *notes]),
    )


def complaint(flag: Flag, value: Any) -> str | None:
    """What is wrong with a value, in a sentence, or None."""
    if value is None:
        return f"--{flag.name} is missing: name {flag.example}." if flag.required else None
    if flag.form is not None and not flag.form.fullmatch(value):
        return f"--{flag.name}={value} does not have the form {flag.example}."
    if flag.least is None:
        return None
    if math.isnan(value):
        return f"--{flag.name}={value} is not a number: it must be {flag.least:g} or more."
    if value < flag.least:
        return f"--{flag.name}={value} is too small: it must be {flag.least:,g} or more."
    if value > flag.most:
        return f"--{flag.name}={value} is too large: it must be {flag.most:,.0f} or less."
    return None


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
        declare(parser, flag, is_list=flag.name in lists)
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
