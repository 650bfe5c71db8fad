"""A replay that is stopped half-way and started again publishes each letter once."""

from __future__ import annotations

import signal
import time
from collections import Counter

import pytest

from tests.endtoend.plant import Plant
from tests.replay.command import FROM_SUBSCRIPTION, FROM_TABLE, replay, start
from tests.replay.letters import keep, letter

COUNT = 400
"""Four publish requests; with --rate=30 they take ten seconds and more, which no slow machine outlasts."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "number"), [(FROM_SUBSCRIPTION, signal.SIGTERM), (FROM_TABLE, signal.SIGINT)]
)
def test_what_was_published_before_the_stop_is_not_published_again(
    source: str, number: signal.Signals, plant: Plant
) -> None:
    originals = [(b"%d" % each, {"event_id": str(each)}) for each in range(COUNT)]
    keep(plant, [letter(each, originals[each]) for each in range(COUNT)])

    process = start(plant, source, "--rate=30", "--wait_seconds=60")
    deadline = time.monotonic() + 30
    while plant.warehouse.count("replays") == 0:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)

    assert process.returncode == 0, err
    assert f"{number.name}: stopping; once more to leave at once\n" in err
    published = plant.warehouse.count("replays")
    assert 0 < published < COUNT
    assert f", {published} replayed\nstopped: run it again to go on; " in out

    rest = replay(plant, source)
    assert rest.code == 0, rest.err
    assert f"{COUNT - published} replayed\n" in rest.out
    replayed = plant.pull_all(plant.subscription)
    assert Counter(each.data for each in replayed.values()) == Counter(payload for payload, _ in originals)
    assert plant.warehouse.count("replays") == COUNT
