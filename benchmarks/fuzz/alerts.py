"""Targets of the alerting function, which is deployed from its own folder and imported from there."""

from __future__ import annotations

import base64
import contextlib
import importlib
import io
import os
import sys
from datetime import UTC, datetime
from functools import cache
from types import ModuleType
from unittest import mock

import orjson

from benchmarks.fuzz.mutation import SEPARATOR
from local.child import REPOSITORY

_FOLDER = REPOSITORY / "functions" / "alerting"
_ATTRIBUTES = {"type": "google.cloud.pubsub.topic.v1.messagePublished", "source": "//pubsub", "id": "1"}
_MAX_SLACK_CHARACTERS = 3_000
"""Of one text in a block."""
_NOW = datetime(2026, 3, 2, tzinfo=UTC)


def alert(data: bytes) -> str:
    """The function on the data of any CloudEvent, or, after SEPARATOR, on any message in a right one.

    An exception would let the trigger repeat the message for eight hours.
    """
    from cloudevents.http import CloudEvent

    empty, separator, message = data.partition(SEPARATOR)
    if separator and not empty:
        event_data: object = {"message": {"data": base64.b64encode(message).decode()}}
    else:
        try:
            event_data = orjson.loads(data)
        except ValueError:
            event_data = data
    function = _modules("main")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        function.deliver_alert(CloudEvent(_ATTRIBUTES, event_data))
    lines = said.getvalue().splitlines()
    for line in lines:
        orjson.loads(line)
    try:
        told = function.check(function.decode(event_data))
    except function.BadAlert:
        return "dropped"
    _check_layouts(told)
    return "told" if len(lines) > 2 else "settled before"


def _check_layouts(told: object) -> None:
    """Lay the alert out for the channels that this run does not send to."""
    orjson.dumps(_modules("channels.pagerduty").pagerduty_event(told, "key"))
    blocks = _modules("channels.slack").slack_message(told)["blocks"]
    orjson.dumps(blocks)
    for block in blocks:
        for text in (block.get("text"), *block.get("fields", ()), *block.get("elements", ())):
            assert text is None or 1 <= len(text["text"]) <= _MAX_SLACK_CHARACTERS


def retry_after(data: bytes) -> str:
    """A Retry-After header: as HTTP decodes it, in Latin-1."""
    module = _modules("channels.retry_after")
    seconds = module.retry_after_seconds({"Retry-After": data.decode("latin-1")}, _NOW)
    assert 0.0 <= seconds <= module.MAX_SECONDS
    return "none" if seconds == 0.0 else "some"


@cache
def _modules(name: str) -> ModuleType:
    """A module of the function, which tells the console of everything."""
    if str(_FOLDER) not in sys.path:
        sys.path.append(str(_FOLDER))
    variables = {"ALERT_CHANNELS": "console", "CONSOLE_MIN_BREACHES": "1", "ALERT_STATE": ""}
    with mock.patch.dict(os.environ, variables):
        return importlib.import_module(name)
