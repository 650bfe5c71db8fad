"""The hour through the live source, and through backfills over what was archived of it meanwhile."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from local.stack import Stack
from tests.endtoend.pipeline_process import PipelineProcess
from tests.endtoend.plant import Plant
from tests.parity.bucket import Bucket
from tests.parity.hour import WINDOW_SECONDS, Hour, publish_hour

# The hour takes 9 s to publish, so its events come up to an hour and five minutes later than they would.
# With this, about those are late that were late in the hour, and some come too late for their window.
LATE_SECONDS = 3_900
SAME_IN_BOTH: dict[str, str | float | None] = {
    "order_window_seconds": WINDOW_SECONDS,
    "quality_window_seconds": 2,
    "late_after_seconds": LATE_SECONDS,
    "allowed_lateness_seconds": LATE_SECONDS,
    "min_validity_messages": 1_000,  # the first and the last window of 2 s may hold very few
}
_TIMEOUT_SECONDS = 90.0


def run_live(stack: Stack, plant: Plant, hour: Hour) -> PipelineProcess:
    """Publish the hour to the stack's topic, and run the pipeline on it until it is idle."""
    live = plant.start(
        input_subscription=stack.environment["INPUT_SUBSCRIPTION"],
        pane_seconds=2,
        lake_window_seconds=3,
        stop_when_idle_seconds=2,
        **SAME_IN_BOTH,
    )
    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publish_hour, hour, stack)
        live.must_succeed(_TIMEOUT_SECONDS)
        publishing.result()
    return live


def wait_for_archive(stack: Stack, bucket: Bucket, messages: int) -> str:
    """Wait until the archiver has written everything; returns the glob of its objects."""
    folder = stack.environment["RAW_ARCHIVE"]
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while (archived := bucket.archived_messages(folder)) < messages:
        stack.check()
        assert time.monotonic() < deadline, f"{archived:,} of {messages:,} messages are in {folder}"
        time.sleep(0.5)
    assert archived == messages
    return f"{folder}/*/*/*.jsonl.gz"


def start_backfill(plant: Plant, input_path: str, **changes: str) -> PipelineProcess:
    """Run the same graph over the archive, into a plant's dataset, lake and queue."""
    return plant.start(
        is_backfill="true",
        input_path=input_path,
        input_subscription=None,
        stop_when_idle_seconds=None,
        **SAME_IN_BOTH,
        **changes,
    )
