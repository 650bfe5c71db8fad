"""What the documents say of a flag."""

from __future__ import annotations

from pipeline.command_flags import Flag


def default_in_words(flag: Flag) -> str:
    if flag.required:
        return f"required in a {flag.only} run" if flag.only else "required"
    if isinstance(flag.default, bool):
        return f"`{str(flag.default).lower()}`"
    return "" if flag.default is None else f"`{flag.default}`"
