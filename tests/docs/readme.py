"""The README as the tests read it: its sections, its tables, its commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
TEXT = README.read_text(encoding="utf-8")

_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)


def section(title: str) -> str:
    """Return what stands under the heading `title`, its subsections included; fails if there is none."""
    headings = list(_HEADING.finditer(TEXT))
    for position, heading in enumerate(headings):
        if heading[2] == title:
            deeper = len(heading[1])
            ends = (other.start() for other in headings[position + 1 :] if len(other[1]) <= deeper)
            return TEXT[heading.end() : next(ends, len(TEXT))]
    raise AssertionError(f"README.md has no section {title!r}")


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of every body row of every Markdown table in `text`."""
    lines = [line.strip() for line in text.splitlines()]
    rows = []
    for position, line in enumerate(lines):
        is_head = position + 1 < len(lines) and lines[position + 1].startswith("|---")
        if line.startswith("|") and not line.startswith("|---") and not is_head:
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def commands(program: str) -> list[list[str]]:
    """Return the arguments of every command line in the README that runs `program`, a regular expression.

    A command is an indented line (with what its trailing backslashes continue) or stands in backquotes; with
    one argument alone, what stands in backquotes is a name and not a command. A shell variable stands as it
    is written.
    """
    joined = re.sub(r"\\\n\s*", "", TEXT)
    found = []
    for line in re.findall(rf"^ {{4}}(?:\S*/)?{program} .*$", joined, re.MULTILINE):
        found.append(_arguments(line, program))
    for span in re.findall(r"`([^`\n]+)`", joined):
        if re.match(rf"(?:\S*/)?{program} \S.* ", span) and "…" not in span:
            found.append(_arguments(span, program))
    return found


def _arguments(line: str, program: str) -> list[str]:
    match = re.match(rf"\s*(?:\S*/)?{program} (.*)", line)
    assert match is not None
    return shlex.split(match[1])
