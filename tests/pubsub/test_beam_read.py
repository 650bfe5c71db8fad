"""Beam's own Pub/Sub read works against the embedded server."""

from __future__ import annotations

import threading
import time
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from google.pubsub_v1.types import PubsubMessage

from tests.pubsub.shop import PATIENCE_SECONDS, Shop

ARRIVED: list[tuple[bytes, dict[str, str], str]] = []
"""Filled by the pipeline, which runs in this process."""


def _remember(message: Any) -> None:
    ARRIVED.append((message.data, dict(message.attributes), message.message_id))


@pytest.mark.slow
def test_beams_stock_read_gets_every_message_once(
    embedded_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", embedded_shop.address)
    ARRIVED.clear()
    ids = embedded_shop.publish_all(
        [PubsubMessage(data=b"order %d" % n, attributes={"number": str(n)}) for n in range(25)]
    )
    pipeline = beam.Pipeline(BundleBasedDirectRunner(), PipelineOptions(streaming=True))
    _ = (
        pipeline
        | "ReadEvents"
        >> beam.io.ReadFromPubSub(subscription=embedded_shop.subscription, with_attributes=True)
        | "Remember" >> beam.Map(_remember)  # type: ignore[no-untyped-call]
    )
    result = pipeline.run()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(ARRIVED) < 25 and time.monotonic() < deadline:
        time.sleep(0.1)
    # The runner notices only between two pulls, and a pull of nothing waits for half a minute.
    cancelling = threading.Thread(target=result.cancel)
    cancelling.start()
    while cancelling.is_alive():
        embedded_shop.publish(b"wake up")
        cancelling.join(0.2)
    orders = sorted(one for one in ARRIVED if one[0] != b"wake up")
    assert orders == sorted((b"order %d" % n, {"number": str(n)}, ids[n]) for n in range(25))
