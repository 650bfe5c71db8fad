"""Publish, pull, acknowledge: the same on every server."""

from __future__ import annotations

import threading
import time

import pytest
from google.api_core.exceptions import InvalidArgument, NotFound
from google.pubsub_v1.types import PubsubMessage

from tests.pubsub.shop import Shop, data_of

NINE_MEGABYTES = bytes(range(256)) * (9_000_000 // 256)


def test_a_published_message_is_pulled_with_its_id_and_time(shop: Shop) -> None:
    before = time.time()
    message_id = shop.publish(b"order 1")
    [received] = shop.pull()
    assert received.message.data == b"order 1"
    assert received.message.message_id == message_id
    # a millisecond either way: the official emulator cuts the time
    assert before - 0.001 <= received.message.publish_time.timestamp() <= time.time() + 0.001


@pytest.mark.parametrize(
    "data",
    [b"\x00", b"\xff\xfe\x80 not UTF-8", "smörgåsbord 🛒".encode(), NINE_MEGABYTES],
    ids=["nul", "not UTF-8", "UTF-8", "9 MB"],
)
def test_data_arrives_verbatim(shop: Shop, data: bytes) -> None:
    shop.publish(data)
    [received] = shop.pull()
    assert received.message.data == data


def test_attributes_arrive_verbatim(shop: Shop) -> None:
    attributes = {"event_type": "order", "ключ": "значение 🛒", "empty": "", "line": "a\nb\x00c"}
    shop.publish(b"x", attributes)
    [received] = shop.pull()
    assert dict(received.message.attributes) == attributes


def test_attributes_without_data_are_a_message(shop: Shop) -> None:
    shop.publish(attributes={"only": "attributes"})
    [received] = shop.pull()
    assert (received.message.data, dict(received.message.attributes)) == (b"", {"only": "attributes"})


def test_message_ids_are_unique_and_increase(shop: Shop) -> None:
    ids = [int(i) for _ in range(3) for i in shop.publish_all([PubsubMessage(data=b"x")] * 100)]
    assert ids == sorted(set(ids))
    assert len(ids) == 300


def test_what_clients_send_as_id_and_time_is_replaced(shop: Shop) -> None:
    forged = PubsubMessage(data=b"x", message_id="mine", publish_time={"seconds": 1, "nanos": 5})
    [message_id] = shop.publish_all([forged])
    [received] = shop.pull()
    assert received.message.message_id == message_id != "mine"
    assert received.message.publish_time.timestamp() > time.time() - 60


def test_an_acknowledged_message_does_not_come_back(shop: Shop) -> None:
    shop.publish(b"once")
    received = shop.pull()
    shop.let_deadline_be(1, received)
    shop.acknowledge(received)
    time.sleep(1.5)
    assert shop.pull_now() == []


def test_a_leased_message_is_not_delivered_again_before_its_deadline(shop: Shop) -> None:
    shop.publish(b"leased")
    assert data_of(shop.pull()) == [b"leased"]
    assert shop.pull_now() == []


def test_an_unacknowledged_message_comes_back_after_its_deadline(shop: Shop) -> None:
    shop.publish(b"again")
    first = shop.pull()
    shop.let_deadline_be(1, first)
    started = time.monotonic()
    again = shop.pull()
    assert 0.8 <= time.monotonic() - started <= 3
    assert data_of(again) == [b"again"]
    assert again[0].message == first[0].message
    assert again[0].ack_id != first[0].ack_id
    assert again[0].delivery_attempt == 0  # counted only under a dead-letter policy


def test_an_extended_lease_lasts_longer(shop: Shop) -> None:
    shop.publish(b"slow")
    received = shop.pull()
    shop.let_deadline_be(1, received)
    shop.let_deadline_be(60, received)
    time.sleep(1.5)
    assert shop.pull_now() == []


def test_a_nacked_message_comes_back_at_once(shop: Shop) -> None:
    shop.publish(b"nack")
    started = time.monotonic()
    shop.let_deadline_be(0, shop.pull())
    assert data_of(shop.pull()) == [b"nack"]
    assert time.monotonic() - started < 2


def test_acknowledging_twice_is_fine(shop: Shop) -> None:
    shop.publish(b"x")
    received = shop.pull()
    shop.acknowledge(received)
    shop.acknowledge(received)
    assert shop.pull_now() == []


def test_a_batch_arrives_whole_and_once(shop: Shop) -> None:
    data = [b"%d" % n for n in range(1_000)]
    shop.publish_all([PubsubMessage(data=one) for one in data])
    received = shop.pull(1_000)
    assert sorted(data_of(received)) == sorted(data)
    shop.acknowledge(received)
    assert shop.pull_now() == []


def test_pull_returns_no_more_than_max_messages(shop: Shop) -> None:
    shop.publish_all([PubsubMessage(data=b"x")] * 10)
    assert len(shop.pull_now(3)) <= 3


def test_two_subscriptions_each_get_everything(shop: Shop) -> None:
    other = shop.new_subscription()
    shop.publish_all([PubsubMessage(data=b"a"), PubsubMessage(data=b"b")])
    received = shop.pull(2)
    shop.acknowledge(received)
    assert sorted(data_of(received)) == [b"a", b"b"]
    assert sorted(data_of(shop.pull(2, other))) == [b"a", b"b"]


def test_a_later_subscription_gets_nothing_old(shop: Shop) -> None:
    shop.publish(b"old")
    later = shop.new_subscription()
    shop.publish(b"new")
    assert data_of(shop.pull(1, later)) == [b"new"]
    assert shop.pull_now(10, later) == []


def test_a_waiting_pull_returns_as_soon_as_one_message_is_there(shop: Shop) -> None:
    publishing = threading.Timer(0.5, shop.publish, [b"awaited"])
    publishing.start()
    started = time.monotonic()
    response = shop.subscriber.pull(subscription=shop.subscription, max_messages=100, timeout=15)
    publishing.join()
    assert data_of(list(response.received_messages)) == [b"awaited"]
    assert 0.4 <= time.monotonic() - started < 3


def test_a_pull_that_finds_nothing_is_empty_before_the_calls_deadline(shop: Shop) -> None:
    started = time.monotonic()
    response = shop.subscriber.pull(subscription=shop.subscription, max_messages=1, timeout=3, retry=None)
    assert list(response.received_messages) == []
    assert 1.5 <= time.monotonic() - started <= 3


def test_the_ordering_key_is_delivered(shop: Shop) -> None:
    shop.publish_all([PubsubMessage(data=b"x", ordering_key="customer 7")])
    [received] = shop.pull()
    assert received.message.ordering_key == "customer 7"


def test_calls_on_a_missing_subscription_are_not_found(shop: Shop) -> None:
    missing = shop.new_name("subscriptions")
    with pytest.raises(NotFound):
        shop.pull_now(1, missing)
    with pytest.raises(NotFound):
        shop.subscriber.acknowledge(subscription=missing, ack_ids=["1-1"])
    with pytest.raises(NotFound):
        shop.subscriber.modify_ack_deadline(subscription=missing, ack_ids=["1-1"], ack_deadline_seconds=10)


def test_invalid_acknowledgements_are_refused(shop: Shop) -> None:
    with pytest.raises(InvalidArgument):
        shop.subscriber.acknowledge(subscription=shop.subscription, ack_ids=["nonsense"])
    with pytest.raises(InvalidArgument):
        shop.subscriber.acknowledge(subscription=shop.subscription, ack_ids=[])
    with pytest.raises(InvalidArgument):
        shop.subscriber.pull(subscription=shop.subscription, max_messages=0)
    shop.publish(b"x")
    received = shop.pull()
    with pytest.raises(InvalidArgument):
        shop.let_deadline_be(-1, received)
