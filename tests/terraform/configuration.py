"""Terraform's files as text: blocks, without a parser and without the terraform binary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "terraform"
FILES = sorted(FOLDER.glob("*.tf"))

_HEADER = re.compile(r'^(\w+)((?: "[\w-]+")*) \{$')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class Block(NamedTuple):
    """A block at the top of a file: `resource "type" "name" { body }` has the labels type and name."""

    file: str
    kind: str
    labels: tuple[str, ...]
    body: str

    @property
    def name(self) -> str:
        """How the block is referred to, such as google_pubsub_topic.topic."""
        return ".".join(self.labels)

    def argument(self, name: str) -> str | None:
        """What stands after `name =` anywhere in the body, up to the end of the line."""
        found = re.search(rf"^ *{name} *= *(.+?)(?: #.*)?$", self.body, re.MULTILINE)
        return found[1] if found else None


def without_comments(text: str) -> str:
    """Text without comments; a # inside of a string stays."""
    return "\n".join(
        re.sub(r'^((?:[^"#]|"(?:[^"\\]|\\.)*")*)#.*$', r"\1", line).rstrip() for line in text.splitlines()
    )


def blocks() -> list[Block]:
    """Every block of the configuration. A formatted file ends it with a brace in the first column."""
    return [block for file in FILES for block in _blocks_of(file)]


def _blocks_of(file: Path) -> Iterator[Block]:
    header: re.Match[str] | None = None
    body: list[str] = []
    for line in without_comments(file.read_text(encoding="utf-8")).splitlines():
        if header is None:
            header = _HEADER.match(line)
            body = []
        elif line == "}":
            yield Block(file.name, header[1], tuple(re.findall(r'"([\w-]+)"', header[2])), "\n".join(body))
            header = None
        else:
            body.append(line)


def resources(type_: str) -> list[Block]:
    """Every resource of a type."""
    return [block for block in blocks() if block.kind == "resource" and block.labels[0] == type_]


def strings(text: str) -> list[str]:
    """Every string literal in the text, without its quotes."""
    return [match[0][1:-1] for match in _STRING.finditer(text)]
