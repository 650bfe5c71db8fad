"""Instances of the function that share their markers, and what their channels have heard."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from marker_stores import FolderStore
from tests.function.conftest import PAGERDUTY_PATH, SLACK_PATH, WEBHOOK_PATH
from tests.function.instance import Instance, Least
from tests.function.recording_server import RecordingServer

PATHS = {"slack": SLACK_PATH, "pagerduty": PAGERDUTY_PATH, "webhook": WEBHOOK_PATH}
CHANNELS = (*PATHS, "file")


class State(NamedTuple):
    """What tells the records of an alert apart here."""

    state: str
    breaches: int | None
    severity: str = "error"


OPEN = State("open", 1)
RESOLVED = State("resolved", 6)


def ongoing(*breaches: int) -> list[State]:
    return [State("ongoing", count) for count in breaches]


class Shop:
    """Instances that share their markers, and what the channels have taken from them."""

    def __init__(
        self, server: RecordingServer, folder: Path, least: dict[str, Least], count: int = 1
    ) -> None:
        self.server = server
        self.folder = folder / uuid.uuid4().hex
        self.folder.mkdir()
        store = FolderStore(self.folder / "markers")
        self.instances = [Instance(server.url, self.folder, store, least) for _ in range(count)]
        self.first_request = len(server.requests)
        server.answers.clear()

    def took(self, channel: str) -> list[str]:
        """The states that the channel has taken, in order."""
        if channel == "file":
            path = self.folder / "alerts.jsonl"
            lines = path.read_text().splitlines() if path.exists() else []
            return [json.loads(line)["state"] for line in lines]
        requests = self.server.requests[self.first_request :]
        bodies = [sent.json() for sent in requests if sent.path == PATHS[channel] and sent.status == 200]
        if channel == "pagerduty":
            actions = {"trigger": "trigger", "resolve": "resolved"}
            return [actions[body["event_action"]] for body in bodies]
        if channel == "slack":
            return [body["text"].partition(":")[0].partition(", ")[2] for body in bodies]
        return [body["state"] for body in bodies]


def content(alert: dict[str, Any], state: State) -> dict[str, Any]:
    return {**alert, **state._asdict()}
