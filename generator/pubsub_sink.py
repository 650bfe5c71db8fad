"""Publish messages to Pub/Sub."""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from typing import Any

from google.api_core import exceptions, retry
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1 import types

from generator.ledger import Ledger
from generator.messages import Message
from pipeline.errors import UsageError
from pipeline.publishing import is_passing

RETRY_SECONDS = 120.0
"""How long the client tries to publish a batch before its messages count as failed: longer than a minute
without Pub/Sub."""
_PATIENCE_SECONDS = 5.0
_BATCH = types.BatchSettings(max_messages=500, max_bytes=1_000_000, max_latency=0.02)
_FLOW = types.PublishFlowControl(
    message_limit=5_000, byte_limit=20_000_000, limit_exceeded_behavior=types.LimitExceededBehavior.BLOCK
)
_RETRY = retry.Retry(
    predicate=is_passing,
    initial=0.1,
    maximum=5.0,
    multiplier=2.0,
    timeout=RETRY_SECONDS,
)
_HOPELESS = (exceptions.NotFound, exceptions.PermissionDenied, exceptions.Unauthenticated)


class PubsubSink:
    """Publishes in batches; `send` blocks while too much is on its way.

    A message is counted when Pub/Sub has acknowledged it. With PUBSUB_EMULATOR_HOST set the client
    talks to the emulator and needs no credentials.
    """

    def __init__(self, topic: str, ledger: Ledger) -> None:
        """Connect; raises UsageError without credentials, or without the topic in an emulator."""
        self._topic, self._ledger = topic, ledger
        self._under_way = 0
        self._settled = threading.Condition()
        self.hopeless = ""
        """Why no further message can be published; empty while all is well."""
        try:
            self._client = pubsub_v1.PublisherClient(
                batch_settings=_BATCH,
                publisher_options=types.PublisherOptions(
                    flow_control=_FLOW, retry=_RETRY, timeout=RETRY_SECONDS
                ),
            )
        except DefaultCredentialsError as error:
            raise UsageError(
                "--to=pubsub needs Google Cloud credentials (gcloud auth application-default login) "
                "or PUBSUB_EMULATOR_HOST."
            ) from error
        emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
        if emulator:
            self._check_topic(emulator)

    def send(self, message: Message) -> None:
        """Hand one message to the client."""
        with self._settled:
            self._under_way += 1
        future = self._client.publish(self._topic, message.payload, **message.attributes)
        future.add_done_callback(partial(self._settle, message))

    def close(self) -> None:
        """Publish what is still here and wait until everything is acknowledged or has failed."""
        self._client.stop()
        with self._settled:
            while not self._settled.wait_for(lambda: self._under_way == 0, timeout=_PATIENCE_SECONDS):
                waiting = f"generator: waiting for Pub/Sub to acknowledge {self._under_way:,} messages"
                print(waiting, file=sys.stderr, flush=True)

    def _settle(self, message: Message, future: Any) -> None:
        error = future.exception()
        if error is None:
            self._ledger.count(message)
        else:
            self._ledger.count_failure(f"{type(error).__name__}: {error}")
            if isinstance(error, _HOPELESS):
                self.hopeless = f"{self._topic} takes no messages: {error}"
        with self._settled:
            self._under_way -= 1
            self._settled.notify_all()

    def _check_topic(self, emulator: str) -> None:
        # In the cloud this would need a permission that a publisher does not have.
        try:
            self._client.api.get_topic(topic=self._topic, timeout=5.0, retry=None)
        except exceptions.NotFound as error:
            raise UsageError(
                f"--topic={self._topic} does not exist in the emulator; create it first."
            ) from error
        except exceptions.GoogleAPICallError as error:
            raise UsageError(
                f"PUBSUB_EMULATOR_HOST={emulator} does not answer; start the emulator or unset it."
            ) from error
