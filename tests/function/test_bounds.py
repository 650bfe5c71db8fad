"""How long a delivery may take, and what has to be longer than that."""

from __future__ import annotations

import re

import bucket_store
from channels.http_post import TRY_SECONDS
from delivered import LEASE_SECONDS
from persistent_channel import (
    FIRST_WAIT_SECONDS,
    LAST_START_SECONDS,
    LONGEST_SEND_SECONDS,
    MAX_JITTER_SECONDS,
    MAX_TRIES,
)
from tests.function.function_process import FOLDER

TERRAFORM = (FOLDER.parents[1] / "terraform" / "alerting.tf").read_text()


def argument(name: str) -> int:
    return max(int(value) for value in re.findall(rf"^ +{name} += (\d+)", TERRAFORM, re.MULTILINE))


def test_lease_is_well_above_the_longest_delivery() -> None:
    # The claim's own write and its check, the tries, the settling.
    longest = LONGEST_SEND_SECONDS + 3 * bucket_store.LONGEST_REQUEST_SECONDS
    assert longest * 1.25 <= LEASE_SECONDS


def test_delivery_ends_well_before_the_trigger_loses_patience() -> None:
    # Reading, claiming and settling, two requests each at worst but for the first.
    longest = LONGEST_SEND_SECONDS + 5 * bucket_store.LONGEST_REQUEST_SECONDS
    assert argument("timeout_seconds") >= longest * 1.25
    assert argument("timeout_seconds") < argument("ack_deadline_seconds")


def test_channel_that_fails_at_once_is_tried_as_often_as_promised() -> None:
    waits = [FIRST_WAIT_SECONDS * 2**turn for turn in range(MAX_TRIES - 1)]
    assert waits == [1, 2, 4]
    assert sum(waits) + len(waits) * MAX_JITTER_SECONDS < LAST_START_SECONDS
    assert LONGEST_SEND_SECONDS == LAST_START_SECONDS + TRY_SECONDS


def test_store_gives_up_within_what_it_is_given() -> None:
    assert bucket_store._RETRY.timeout + 2 * bucket_store._TIMEOUT_SECONDS == (
        bucket_store.LONGEST_REQUEST_SECONDS
    )
