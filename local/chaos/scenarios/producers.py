"""Producers: clocks that are wrong, messages that are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
from google.pubsub_v1.types import PubsubMessage

from local.chaos.producer import RATE, drawn_messages
from local.chaos.scenario import Proof, Scenario
from local.chaos.trial import Trial

SKEW_SECONDS = 600.0
COUNT = 600
_BATCH = 6
_TIME_FIELDS = ("order_date", "timestamp")


def skewed(trial: Trial) -> Iterator[PubsubMessage]:
    """Messages of now, each with a clock that is up to ten minutes wrong, either way."""
    start = datetime.now(UTC).isoformat()
    for message in drawn_messages(trial.folder, trial.seed, COUNT, start):
        try:
            payload = orjson.loads(message.data)
            (field,) = (field for field in _TIME_FIELDS if field in payload)
            shift = timedelta(seconds=trial.rng.uniform(-SKEW_SECONDS, SKEW_SECONDS))
            payload[field] = (datetime.fromisoformat(payload[field]) + shift).isoformat()
        except (TypeError, ValueError):
            pass  # a malformed message has no time to be wrong about
        else:
            message.data = orjson.dumps(payload)
        yield message


def clocks_wrong(trial: Trial) -> None:
    """Publish at the pace of the generator."""
    messages = list(skewed(trial))
    trial.supervisor.wait_until_reading()
    for begin in range(0, len(messages), _BATCH):
        trial.site.publish(messages[begin : begin + _BATCH])
        time.sleep(_BATCH / RATE)


def nothing(trial: Trial) -> None:
    """Break nothing: what is published is fault enough."""


PRODUCERS = (
    Scenario(
        "clocks-wrong",
        "Event times are up to 10 minutes off, a quarter beyond max_future_seconds.",
        clocks_wrong,
        proof=Proof(faults=0, letters_share=0.15),
        publishes=False,
    ),
    *(
        Scenario(
            f"invalid-{percent}",
            f"{percent} % of the messages are invalid.",
            nothing,
            generator={"malformed_share": percent / 100, "duplicate_share": 0, "late_share": 0},
            proof=Proof(faults=0, letters_share=percent / 200 if percent < 100 else 1.0),
        )
        for percent in (5, 50, 100)
    ),
)
