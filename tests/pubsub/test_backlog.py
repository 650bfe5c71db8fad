"""Leases, retries and limits of one subscription, with a clock that the test moves."""

from __future__ import annotations

from local.pubsub_server.backlog import AckId, Backlog, Backoff, Delivery, FlowControl, StoredMessage, Terms

SECOND_US = 1_000_000
TERMS = Terms(ack_deadline_us=10 * SECOND_US, retention_us=600 * SECOND_US)
NO_LIMIT = 1_000_000_000


def message(message_id: int, publish_time_us: int = 0, size: int = 100) -> StoredMessage:
    return StoredMessage(message_id, publish_time_us, b"x" * size)


def filled(*message_ids: int, terms: Terms = TERMS) -> Backlog:
    backlog = Backlog(terms)
    backlog.add(message(message_id) for message_id in message_ids)
    return backlog


def take(
    backlog: Backlog, now_us: int, count: int = 1_000, flow: FlowControl | None = None
) -> list[Delivery]:
    return backlog.take(now_us, count, NO_LIMIT, flow)


def ids(deliveries: list[Delivery]) -> list[int]:
    return [delivery.message.message_id for delivery in deliveries]


def ack_ids(deliveries: list[Delivery]) -> list[AckId]:
    return [delivery.ack_id for delivery in deliveries]


def test_messages_are_taken_in_the_order_of_publishing() -> None:
    backlog = filled(1, 2, 3)
    assert ids(take(backlog, 0, 2)) == [1, 2]
    assert ids(take(backlog, 0)) == [3]


def test_a_lease_lasts_to_the_microsecond() -> None:
    backlog = filled(1)
    take(backlog, 5)
    assert take(backlog, 5 + 10 * SECOND_US - 1) == []
    assert take(backlog, 5 + 10 * SECOND_US) == [Delivery(AckId(1, 2), 2, message(1))]


def test_only_what_was_not_acknowledged_comes_back() -> None:
    backlog = filled(1, 2, 3)
    first = take(backlog, 0)
    backlog.acknowledge(ack_ids(first)[1:2])
    assert ids(take(backlog, 10 * SECOND_US)) == [1, 3]


def test_a_late_acknowledgement_counts_while_the_message_waits() -> None:
    backlog = filled(1)
    first = take(backlog, 0)
    backlog.release(10 * SECOND_US)
    assert backlog.has_waiting()
    backlog.acknowledge(ack_ids(first))
    assert not backlog.has_waiting()
    assert len(backlog) == 0


def test_a_late_acknowledgement_counts_while_another_subscriber_has_the_message() -> None:
    backlog = filled(1)
    first = take(backlog, 0)
    take(backlog, 10 * SECOND_US)
    backlog.acknowledge(ack_ids(first))
    assert take(backlog, 60 * SECOND_US) == []


def test_a_late_nack_does_not_end_the_lease_of_another_subscriber() -> None:
    backlog = filled(1)
    first = take(backlog, 0)
    take(backlog, 10 * SECOND_US)
    backlog.give_back(ack_ids(first), 11 * SECOND_US)
    backlog.extend(ack_ids(first), 11 * SECOND_US, 1)
    assert take(backlog, 20 * SECOND_US - 1) == []


def test_extending_moves_the_deadline_both_ways() -> None:
    backlog = filled(1, 2)
    longer, shorter = ack_ids(take(backlog, 0))
    backlog.extend([longer], 0, 30 * SECOND_US)
    backlog.extend([shorter], 0, 1 * SECOND_US)
    assert ids(take(backlog, 1 * SECOND_US)) == [2]
    assert ids(take(backlog, 30 * SECOND_US - 1)) == [2]
    assert ids(take(backlog, 30 * SECOND_US)) == [1]


def test_a_nacked_message_waits_behind_the_others() -> None:
    backlog = filled(1, 2)
    backlog.give_back(ack_ids(take(backlog, 0, 1)), 0)
    assert ids(take(backlog, 0)) == [2, 1]


def test_nacking_twice_gives_the_message_back_once() -> None:
    backlog = filled(1)
    taken = ack_ids(take(backlog, 0))
    backlog.give_back([*taken, *taken], 0)
    assert ids(take(backlog, 0)) == [1]


def test_a_back_off_doubles_up_to_its_maximum_for_nacks_and_for_lost_leases() -> None:
    backoff = Backoff(minimum_us=100_000, maximum_us=300_000)
    backlog = filled(1, terms=Terms(10 * SECOND_US, 600 * SECOND_US, backoff))
    backlog.give_back(ack_ids(take(backlog, 0)), 0)
    assert take(backlog, 99_999) == []
    assert ids(take(backlog, 100_000)) == [1]
    lost_us = 100_000 + 10 * SECOND_US
    assert take(backlog, lost_us + 199_999) == []
    taken = take(backlog, lost_us + 200_000)
    assert ids(taken) == [1]
    now_us = lost_us + 200_000
    backlog.give_back(ack_ids(taken), now_us)
    assert take(backlog, now_us + 299_999) == []
    assert ids(take(backlog, now_us + 300_000)) == [1]


def test_a_message_can_be_acknowledged_while_it_backs_off() -> None:
    backlog = filled(1, terms=Terms(10 * SECOND_US, 600 * SECOND_US, Backoff(SECOND_US, SECOND_US)))
    taken = ack_ids(take(backlog, 0))
    backlog.give_back(taken, 0)
    backlog.acknowledge(taken)
    assert take(backlog, 60 * SECOND_US) == []


def test_flow_control_counts_what_is_in_hand_however_it_ends() -> None:
    backlog = filled(1, 2, 3, 4)
    flow = FlowControl(max_messages=3)
    acknowledged, nacked, lost = ack_ids(take(backlog, 0, flow=flow))
    assert (flow.messages, flow.bytes, flow.is_full) == (3, 300, True)
    assert take(backlog, 0, flow=flow) == []
    backlog.acknowledge([acknowledged])
    backlog.give_back([nacked], 0)
    assert (flow.messages, flow.bytes, flow.is_full) == (1, 100, False)
    backlog.release(10 * SECOND_US)
    assert (flow.messages, flow.bytes) == (0, 0)
    assert lost.message_id == 3
    assert ids(take(backlog, 10 * SECOND_US)) == [4, 2, 3]


def test_flow_control_stops_at_the_message_that_reaches_max_bytes() -> None:
    flow = FlowControl(max_bytes=150)
    assert ids(take(filled(1, 2, 3), 0, flow=flow)) == [1, 2]


def test_a_response_stops_before_max_bytes_but_holds_at_least_one_message() -> None:
    backlog = Backlog(TERMS)
    backlog.add([message(1, size=500), message(2, size=60), message(3, size=40), message(4, size=1)])
    assert ids(backlog.take(0, 1_000, 100)) == [1]
    assert ids(backlog.take(0, 1_000, 100)) == [2, 3]
    assert ids(backlog.take(0, 1_000, 100)) == [4]


def test_messages_older_than_the_retention_are_dropped_even_when_leased() -> None:
    backlog = Backlog(TERMS)
    backlog.add([message(1, publish_time_us=0), message(2, publish_time_us=1), message(3, publish_time_us=5)])
    take(backlog, 600 * SECOND_US - 1, 1)
    backlog.release(600 * SECOND_US)
    assert len(backlog) == 3
    backlog.release(600 * SECOND_US + 2)
    assert ids(take(backlog, 600 * SECOND_US + 2)) == [3]
    backlog.release(600 * SECOND_US + 6)
    assert (len(backlog), backlog.retained_bytes) == (0, 0)


def test_after_the_last_attempt_a_message_is_forwarded_and_forgotten() -> None:
    forwarded: list[tuple[int, int]] = []

    def forward(undeliverable: StoredMessage, attempts: int) -> bool:
        forwarded.append((undeliverable.message_id, attempts))
        return True

    backlog = Backlog(Terms(10 * SECOND_US, 600 * SECOND_US, max_delivery_attempts=2), forward)
    backlog.add([message(1)])
    backlog.give_back(ack_ids(take(backlog, 0)), 0)
    assert forwarded == []
    take(backlog, 0)
    backlog.release(10 * SECOND_US)
    assert forwarded == [(1, 2)]
    assert len(backlog) == 0


def test_a_message_that_cannot_be_forwarded_is_delivered_again() -> None:
    backlog = Backlog(
        Terms(10 * SECOND_US, 600 * SECOND_US, max_delivery_attempts=1), lambda message, attempts: False
    )
    backlog.add([message(1)])
    backlog.give_back(ack_ids(take(backlog, 0)), 0)
    assert ids(take(backlog, 0)) == [1]
