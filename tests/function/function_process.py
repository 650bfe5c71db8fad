"""The function in a real functions-framework server, fed by real HTTP requests."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

FOLDER = Path(__file__).parents[2] / "functions" / "alerting"
CLOUD_EVENT_HEADERS = {
    "ce-id": "1",
    "ce-source": "//pubsub.googleapis.com/projects/local-shop/topics/alerts",
    "ce-specversion": "1.0",
    "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
    "ce-time": "2026-03-02T10:05:01Z",
}


def pubsub_message(payload: bytes) -> dict[str, Any]:
    return {"data": base64.b64encode(payload).decode(), "attributes": {"kind": "spike"}, "messageId": "1"}


def environment(**variables: str) -> dict[str, str]:
    """The variables of the function, and of what surrounds it only what a process needs to run."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **variables}


def command(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "functions_framework", "--target", "deliver_alert"),
        *("--source", str(FOLDER / "main.py"), "--signature-type", "cloudevent"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]


class FunctionProcess:
    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        self._log = folder / f"function-{port}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command(port), env=environment(**variables), stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 30
        while not listens(port):
            assert self._process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.05)

    def push(self, alert: object, **keywords: Any) -> requests.Response:
        """Post what a push subscription posts."""
        message = {**pubsub_message(json.dumps(alert).encode()), "publishTime": "2026-03-02T10:05:01Z"}
        envelope = {"message": message, "subscription": "projects/local-shop/subscriptions/alerts-function"}
        return requests.post(self.url, json=envelope, timeout=60, **keywords)

    def event(self, payload: bytes) -> requests.Response:
        """Post what a trigger posts: a CloudEvent in binary mode."""
        return self.event_data({"message": pubsub_message(payload)})

    def event_data(self, data: object) -> requests.Response:
        return requests.post(self.url, json=data, headers=CLOUD_EVENT_HEADERS, timeout=60)

    def output(self) -> str:
        return self._log.read_text()

    def lines(self, **wanted: object) -> list[dict[str, Any]]:
        """The structured log lines that have these fields."""
        lines = [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]
        return [line for line in lines if wanted.items() <= line.items()]

    def kill(self) -> None:
        """End it as a machine that fails does: at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
