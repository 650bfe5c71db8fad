"""An hour of a shop, as the generator writes it, published in some seconds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from local.child import REPOSITORY
from local.stack import Stack
from pipeline.elements import RawMessage
from pipeline.lines import read_envelope

HOUR_SECONDS = 3_600
WINDOW_SECONDS = 300
FLAGS = (
    "--rate=6",
    "--customers=100000",
    "--rhythm_amplitude=0",
    "--weekly_amplitude=0",
    "--malformed_share=0.05",
    "--duplicate_share=0.03",
    "--late_share=0.03",
    "--old_version_share=0.1",
    "--seed=7",
)
"""22,000 messages; where they fall into two clock hours, one still has more customers than count exactly."""
REQUEST_SECONDS = 15
"""What the shop sends in so long is one request: it has one publish time."""
TIMES_FASTER = 400
SENT_AGAIN_SECONDS = 60
"""What the shop sent in its first minute comes once more at the end: a publisher that was not sure."""


class Hour(NamedTuple):
    """What the shop sends."""

    requests: tuple[tuple[RawMessage, ...], ...]
    manifest: Mapping[str, Any]
    """The generator's counts, which know nothing of what is sent again."""

    @property
    def messages(self) -> int:
        """How many there are."""
        return sum(map(len, self.requests))


def generate_hour(folder: Path) -> Hour:
    """Let the generator write the hour until the last five minutes began.

    No event is then ahead of its publish time, and no window of five minutes is cut short.
    """
    lines, manifest = folder / "hour.jsonl", folder / "manifest.json"
    end_seconds = int(time.time()) // WINDOW_SECONDS * WINDOW_SECONDS
    start = datetime.fromtimestamp(end_seconds - HOUR_SECONDS, UTC)
    subprocess.run(
        [
            *(sys.executable, "-m", "generator", "--to=jsonl", f"--path={lines}", f"--manifest={manifest}"),
            *(f"--start={start.isoformat()}", f"--seconds={HOUR_SECONDS}", *FLAGS),
        ],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=60,
    )
    messages = [message for message in map(read_envelope, lines.read_bytes().splitlines()) if message]
    first_us = _published_us(messages[0])

    def request_of(message: RawMessage) -> int:
        return (_published_us(message) - first_us) // (REQUEST_SECONDS * 1_000_000)

    requests = [tuple(together) for _, together in groupby(messages, request_of)]
    again = requests[: SENT_AGAIN_SECONDS // REQUEST_SECONDS]
    return Hour((*requests, *again), json.loads(manifest.read_bytes()))


def _published_us(message: RawMessage) -> int:
    assert message.publish_time_us is not None
    return message.publish_time_us


def publish_hour(hour: Hour, stack: Stack) -> None:
    """Send it to the stack's topic, an hour in a few seconds; Pub/Sub says when each message came."""
    begun = time.monotonic()
    with grpc.insecure_channel(stack.environment["PUBSUB_EMULATOR_HOST"]) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        for number, request in enumerate(hour.requests):
            due = begun + number * REQUEST_SECONDS / TIMES_FASTER
            time.sleep(max(0.0, due - time.monotonic()))
            publisher.publish(
                topic=stack.environment["INPUT_TOPIC"],
                messages=[PubsubMessage(data=each.payload, attributes=each.attributes) for each in request],
                timeout=10,
                retry=None,
            )
