from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.function.function_process import FOLDER, FunctionProcess
from tests.function.recording_server import RecordingServer
from tests.function.strict_bucket import StrictBucket

sys.path.append(str(FOLDER))  # where functions-framework puts it too

SLACK_PATH = "/services/T024BE7LD/B0XSECRET/slack-path-secret"
PAGERDUTY_PATH = "/v2/enqueue"
WEBHOOK_PATH = "/hook/webhook-path-secret?key=webhook-query-secret"
ROUTING_KEY = "pagerduty-routing-secret"
TOKEN = "webhook-token-secret"
URL_SECRETS = ("B0XSECRET", "slack-path-secret", "webhook-path-secret", "webhook-query-secret")
SECRETS = (*URL_SECRETS, ROUTING_KEY, TOKEN)

StartFunction = Callable[..., FunctionProcess]


@pytest.fixture
def target() -> Iterator[RecordingServer]:
    server = RecordingServer()
    yield server
    server.close()


@pytest.fixture
def start_function(tmp_path: Path) -> Iterator[StartFunction]:
    processes: list[FunctionProcess] = []

    def start(**variables: str) -> FunctionProcess:
        processes.append(FunctionProcess(tmp_path, variables))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()


@pytest.fixture
def all_channels(target: RecordingServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a function with every channel."""
    return {
        "ALERT_CHANNELS": "console,file,slack,pagerduty,webhook",
        "ALERT_FILE": str(tmp_path / "alerts.jsonl"),
        "SLACK_WEBHOOK_URL": target.url + SLACK_PATH,
        "PAGERDUTY_URL": target.url + PAGERDUTY_PATH,
        "PAGERDUTY_ROUTING_KEY": ROUTING_KEY,
        "WEBHOOK_URL": target.url + WEBHOOK_PATH,
        "WEBHOOK_TOKEN": TOKEN,
    }


@pytest.fixture
def function(start_function: StartFunction, all_channels: dict[str, str]) -> FunctionProcess:
    return start_function(**all_channels)


@pytest.fixture
def alert() -> dict[str, Any]:
    return {
        "alert_id": uuid.uuid4().hex,
        "kind": "spike",
        "state": "open",
        "severity": "error",
        "metric": "order_count",
        "dimension": "country",
        "dimension_value": "DE",
        "window_start": "2026-03-02T10:00:00.000000Z",
        "window_end": "2026-03-02T10:05:00.000000Z",
        "value": 1480.0,
        "expected_low": 310,
        "expected_high": 455.5,
        "score": 9.75,
        "summary": "1,480 orders from DE in 5 minutes, three times what is usual.",
        "run_id": "run-1",
        "emitted_at": "2026-03-02T10:05:01.250000Z",
        "opened_at": "2026-03-02T09:35:00.000000Z",
        "breaches": 6,
        "query": "SELECT * FROM `shop.events.order_metrics_latest` WHERE dimension_value = 'DE'",
    }


@pytest.fixture
def strict_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictBucket]:
    bucket = StrictBucket()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.url)
    yield bucket
    bucket.close()
