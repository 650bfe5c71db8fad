"""The repository's build files, as the tests read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = "europe-west1-docker.pkg.dev/my-project/pipeline/pipeline:ab12cd3"


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def json_of(name: str) -> Any:
    return json.loads(text_of(name))


def yaml_of(name: str) -> Any:
    return yaml.safe_load(text_of(name))


class Instruction(NamedTuple):
    """One instruction of the Dockerfile, its continued lines joined."""

    stage: str
    word: str
    rest: str


def dockerfile() -> list[Instruction]:
    """Every instruction, with the name of the stage that it is part of."""
    lines = [line for line in text_of("Dockerfile").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    stage, found = "", []
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
        found.append(Instruction(stage, word, rest))
    return found


def copied_from_context() -> list[str]:
    """The paths of the repository that some stage copies."""
    copies = [
        each.rest.split() for each in dockerfile() if each.word == "COPY" and "--from=" not in each.rest
    ]
    return sorted({source for *sources, _ in copies for source in sources})
