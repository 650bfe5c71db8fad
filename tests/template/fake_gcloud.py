#!/usr/bin/env python3
"""Stands in for gcloud: notes its arguments, and plays a Dataflow whose jobs change their state as told.

$FAKE_GCLOUD is a folder. In it, `calls` gets a JSON list a line, and `world.json` holds: `active`, ids of
jobs; `states` of each job, one taken at each look, the last one for ever; `new`, ids that launches give out;
`log`, what a job logged; `fails`, a word of a command and what it says then. As with Dataflow, no second job
of a name starts while one is active, unless it is an update: `seen` has each job's state at the last look.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

ENDED = ("JOB_STATE_DRAINED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_UPDATED")
FOLDER = Path(os.environ["FAKE_GCLOUD"])


def answer(arguments: list[str], world: dict) -> str:
    command = " ".join(word for word in arguments[:3] if not word.startswith("-"))
    if command.startswith("dataflow jobs list"):
        return "\n".join(world["active"])
    if command.startswith("dataflow jobs describe"):
        states = world["states"][arguments[3]]
        state = states.pop(0) if len(states) > 1 else states[0]
        world.setdefault("seen", {})[arguments[3]] = state
        return state
    if command.startswith("dataflow jobs drain"):
        return ""
    if command.startswith("dataflow flex-template run"):
        seen = world.get("seen", {})
        going_on = [job for job in world["active"] if seen.get(job) not in ENDED]
        if going_on and "--update" not in arguments:
            raise SystemExit(f"there is already an active job of this name: {going_on[0]}")
        return world["new"].pop(0)
    if command.startswith("logging read"):
        words = arguments[2].split('"')[1::2]  # what the query quotes, as type, job id and phrase
        log = world.get("log", {}).get(words[1], "")
        return log if words[2] in log else ""
    raise SystemExit(f"no such command: {arguments}")


def main() -> int:
    arguments = sys.argv[1:]
    with (FOLDER / "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    world = json.loads((FOLDER / "world.json").read_text())
    for word, sentence in world.get("fails", {}).items():
        if word in arguments:
            print(sentence, file=sys.stderr)
            return 1
    print(answer(arguments, world))
    (FOLDER / "world.json").write_text(json.dumps(world))
    return 0


if __name__ == "__main__":
    sys.exit(main())
