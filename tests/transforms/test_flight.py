"""InFlight: each message enters the graph once and is acknowledged, however often it is delivered."""

from __future__ import annotations

import threading

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from pipeline.live import flight
from pipeline.live.flight import InFlight

_ids = st.sampled_from(["m1", "m2", "m3", "m4"])


class Deliveries(RuleBasedStateMachine):
    """The subscription's side: which acknowledgement id of each message was given out last."""

    taken = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self.flight = InFlight()
        self.deliveries = 0
        self.newest: dict[str, str] = {}
        self.in_graph: set[str] = set()
        self.finished: set[str] = set()
        self.owed: list[str] = []
        self.sent: list[str] = []

    @rule(message_id=_ids)
    def deliver(self, message_id: str) -> None:
        self.deliveries += 1
        ack_id = f"{message_id}/{self.deliveries}"
        is_new = self.flight.admit(message_id, ack_id)
        assert is_new == (message_id not in self.in_graph and message_id not in self.finished)
        if message_id in self.finished:
            self.owed.append(ack_id)
        else:
            self.in_graph.add(message_id)
            self.newest[message_id] = ack_id

    @rule(message_ids=st.lists(_ids, max_size=4))
    def finish(self, message_ids: list[str]) -> None:
        self.flight.finish(message_ids)
        for message_id in message_ids:
            if message_id in self.in_graph:
                self.in_graph.remove(message_id)
                self.finished.add(message_id)
                self.owed.append(self.newest.pop(message_id))

    @rule(target=taken)
    def take(self) -> list[str]:
        ack_ids = self.flight.take_acknowledgements()
        assert sorted(ack_ids) == sorted(self.owed)
        self.owed.clear()
        self.sent += ack_ids
        return ack_ids

    @rule(ack_ids=taken)
    def cannot_send(self, ack_ids: list[str]) -> None:
        if ack_ids and ack_ids[0] in self.sent:
            self.flight.put_back(ack_ids)
            self.owed += ack_ids
            self.sent = [each for each in self.sent if each not in ack_ids]

    @invariant()
    def leases_are_the_newest_of_what_is_in_the_graph(self) -> None:
        assert sorted(self.flight.leases()) == sorted(self.newest.values())
        assert self.flight.count() == len(self.in_graph)
        assert self.flight.admitted == len(self.in_graph) + len(self.finished)
        assert self.flight.finished == len(self.finished)

    @invariant()
    def nothing_is_acknowledged_twice_or_before_it_is_finished(self) -> None:
        assert len(set(self.sent)) == len(self.sent)
        assert {each.split("/")[0] for each in self.sent} <= self.finished


TestDeliveries = Deliveries.TestCase


def test_a_redelivery_in_flight_renews_the_acknowledgement_id() -> None:
    messages = InFlight()
    assert [messages.admit("m1", "first"), messages.admit("m1", "second")] == [True, False]
    assert messages.leases() == ["second"]
    messages.finish(["m1"])
    assert messages.take_acknowledgements() == ["second"]


def test_a_redelivery_after_the_end_is_acknowledged_at_once() -> None:
    messages = InFlight()
    messages.admit("m1", "first")
    messages.finish(["m1"])
    messages.take_acknowledgements()
    assert messages.admit("m1", "again") is False
    assert messages.take_acknowledgements() == ["again"]


def test_finished_ids_are_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight, "REMEMBERED_DONE", 2)
    messages = InFlight()
    for message_id in ("m1", "m2", "m3"):
        messages.admit(message_id, message_id)
        messages.finish([message_id])
    assert [messages.admit(each, "again") for each in ("m3", "m2", "m1")] == [False, False, True]


def test_waiting_ends_when_enough_is_finished() -> None:
    messages = InFlight()
    messages.admit("m1", "a")
    messages.admit("m2", "b")
    assert not messages.wait_below(2, timeout_seconds=0.01)
    finisher = threading.Timer(0.05, messages.finish, [["m1"]])
    finisher.start()
    assert messages.wait_below(2, timeout_seconds=10)
    finisher.join()
