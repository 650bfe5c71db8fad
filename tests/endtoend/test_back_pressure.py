"""How much of a subscription the live source takes at once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from pipeline.clock import now_us
from pipeline.live.flight import InFlight
from pipeline.live.subscription import SubscriptionReader
from tests.endtoend.events import messages
from tests.endtoend.plant import Plant

MAX_IN_FLIGHT = 50
WAITING = 1_000


class WatchedFlight(InFlight):
    """Remembers how many messages were in flight at most."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def admit(self, message_id: str, ack_id: str) -> bool:
        admitted = super().admit(message_id, ack_id)
        self.most = max(self.most, self.count())
        return admitted


@pytest.fixture
def flight() -> WatchedFlight:
    return WatchedFlight()


@pytest.fixture
def reader(
    plant: Plant, flight: WatchedFlight, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SubscriptionReader]:
    """A reader of a subscription on which 1,000 messages wait."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", plant.stack.environment["PUBSUB_EMULATOR_HOST"])
    plant.publish_all(messages(WAITING))
    reader = SubscriptionReader(plant.subscription, flight, MAX_IN_FLIGHT, slack_us=0)
    reader.start()
    yield reader
    reader.close()


def take_all_that_comes(reader: SubscriptionReader, wanted: int) -> list[str]:
    """Take messages until there are `wanted`, or none has come for a second."""
    taken: list[str] = []
    while len(taken) < wanted:
        chunk = reader.take(500, 1_000_000, 1.0)
        if not chunk:
            break
        taken += [message.message_id or "" for message in chunk]
    return taken


def test_no_more_is_pulled_than_may_be_in_flight(reader: SubscriptionReader, flight: WatchedFlight) -> None:
    taken = take_all_that_comes(reader, WAITING)
    assert len(taken) == MAX_IN_FLIGHT
    assert (flight.count(), flight.admitted) == (MAX_IN_FLIGHT, MAX_IN_FLIGHT)


def test_everything_comes_as_messages_are_finished(reader: SubscriptionReader, flight: WatchedFlight) -> None:
    taken: list[str] = []
    while len(taken) < WAITING:
        chunk = take_all_that_comes(reader, 1)
        assert chunk, f"nothing came after {len(taken)} messages"
        taken += chunk
        flight.finish(chunk)
    assert len(set(taken)) == WAITING
    assert flight.most == MAX_IN_FLIGHT
    assert flight.finished == WAITING


def test_waiting_for_room_is_not_being_idle(reader: SubscriptionReader, flight: WatchedFlight) -> None:
    held_back = take_all_that_comes(reader, WAITING)
    time.sleep(1.0)
    assert now_us() - reader.last_busy_us < 500_000
    while held_back:
        flight.finish(held_back)
        held_back = take_all_that_comes(reader, 1)
    assert flight.finished == WAITING
    assert now_us() - reader.last_busy_us > 900_000


def test_what_is_unfinished_at_the_end_is_given_back_at_once(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", plant.stack.environment["PUBSUB_EMULATOR_HOST"])
    plant.publish_all(messages(MAX_IN_FLIGHT))
    flight = InFlight()
    reader = SubscriptionReader(plant.subscription, flight, MAX_IN_FLIGHT, slack_us=0)
    reader.start()
    finished, *unfinished = take_all_that_comes(reader, MAX_IN_FLIGHT)
    assert plant.pull_all(plant.subscription) == {}
    flight.finish([finished])
    reader.close()
    assert sorted(plant.pull_all(plant.subscription)) == sorted(unfinished)
