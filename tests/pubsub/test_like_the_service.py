"""Ours is like the service where the official emulator is laxer or leaves something out."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument, MethodNotImplemented, NotFound
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import PubsubMessage

from tests.pubsub.shop import Shop, data_of

LARGEST_MESSAGES = {
    "10 MB of data": PubsubMessage(data=b"x" * 10_000_000),
    "100 attributes": PubsubMessage(attributes={str(n): "x" for n in range(100)}),
    "a key of 256 bytes": PubsubMessage(attributes={"ключ" * 32: "x"}),
    "a value of 1,024 bytes": PubsubMessage(attributes={"key": "ü" * 512}),
}
TOO_LARGE_MESSAGES = {
    "10 MB of data and a byte": PubsubMessage(data=b"x" * 10_000_001),
    "101 attributes": PubsubMessage(attributes={str(n): "x" for n in range(101)}),
    "a key of 257 bytes": PubsubMessage(attributes={"ключ" * 32 + "x": "x"}),
    "a value of 1,025 bytes": PubsubMessage(attributes={"key": "ü" * 512 + "x"}),
    "an empty key": PubsubMessage(attributes={"": "x"}),
}


@pytest.mark.parametrize("message", LARGEST_MESSAGES.values(), ids=LARGEST_MESSAGES)
def test_a_message_at_a_limit_is_delivered(embedded_shop: Shop, message: PubsubMessage) -> None:
    embedded_shop.publish_all([message])
    [received] = embedded_shop.pull()
    assert (received.message.data, received.message.attributes) == (message.data, message.attributes)


@pytest.mark.parametrize("message", TOO_LARGE_MESSAGES.values(), ids=TOO_LARGE_MESSAGES)
def test_a_message_beyond_a_limit_is_refused_with_its_whole_request(
    embedded_shop: Shop, message: PubsubMessage
) -> None:
    with pytest.raises(InvalidArgument):
        embedded_shop.publish_all([PubsubMessage(data=b"innocent"), message])
    assert embedded_shop.pull_now() == []


def test_a_request_over_ten_mebibytes_is_refused(embedded_shop: Shop) -> None:
    with pytest.raises(InvalidArgument, match="Request payload size exceeds the limit"):
        embedded_shop.publish_all([PubsubMessage(data=b"x" * 6_000_000)] * 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"filter": 'attributes.event_type = "order"'},
        {"enable_exactly_once_delivery": True},
        {"enable_message_ordering": True},
        {"retain_acked_messages": True},
        {"push_config": {"push_endpoint": "http://localhost/", "no_wrapper": {}}},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_is_not_supported_is_refused_and_not_ignored(
    embedded_shop: Shop, settings: dict[str, Any]
) -> None:
    with pytest.raises(MethodNotImplemented, match="not supported by the embedded Pub/Sub server"):
        embedded_shop.new_subscription(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"ack_deadline_seconds": 9},
        {"message_retention_duration": Duration(seconds=599)},
        {"push_config": {"push_endpoint": "localhost:8080/events"}},
        {"push_config": {"push_endpoint": "http://localhost:99999/"}},
        {"retry_policy": {"minimum_backoff": Duration(seconds=601)}},
        {"retry_policy": {"minimum_backoff": Duration(seconds=5), "maximum_backoff": Duration(seconds=4)}},
    ],
    ids=str,
)
def test_settings_out_of_bounds_are_refused(embedded_shop: Shop, settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        embedded_shop.new_subscription(**settings)


def test_a_dead_letter_policy_needs_five_attempts_and_a_topic_that_exists(embedded_shop: Shop) -> None:
    policy = {"dead_letter_topic": embedded_shop.topic, "max_delivery_attempts": 4}
    with pytest.raises(InvalidArgument):
        embedded_shop.new_subscription(dead_letter_policy=policy)
    with pytest.raises(NotFound):
        embedded_shop.new_subscription(
            dead_letter_policy={"dead_letter_topic": embedded_shop.new_name("topics")}
        )


def test_a_lease_of_more_than_ten_minutes_is_refused(embedded_shop: Shop) -> None:
    embedded_shop.publish(b"x")
    with pytest.raises(InvalidArgument):
        embedded_shop.let_deadline_be(601, embedded_shop.pull())


def test_the_subscriptions_of_a_missing_topic_are_not_found(embedded_shop: Shop) -> None:
    with pytest.raises(NotFound):
        list(embedded_shop.publisher.list_topic_subscriptions(topic=embedded_shop.new_name("topics")))


def test_a_page_token_that_no_page_had_is_refused(embedded_shop: Shop) -> None:
    with pytest.raises(InvalidArgument):
        list(
            embedded_shop.publisher.list_topics(
                request={"project": embedded_shop.project, "page_token": "nonsense"}
            )
        )


def test_a_refused_update_changes_nothing(embedded_shop: Shop) -> None:
    wanted = {"name": embedded_shop.subscription, "ack_deadline_seconds": 5}
    with pytest.raises(InvalidArgument):
        embedded_shop.subscriber.update_subscription(
            subscription=wanted, update_mask=FieldMask(paths=["ack_deadline_seconds"])
        )
    unchanged = embedded_shop.subscriber.get_subscription(subscription=embedded_shop.subscription)
    assert unchanged.ack_deadline_seconds == 10


def test_seeking_to_a_time_acknowledges_what_was_published_before(embedded_shop: Shop) -> None:
    embedded_shop.publish(b"before")
    [received] = embedded_shop.pull()
    embedded_shop.let_deadline_be(0, [received])
    message_id = embedded_shop.publish(b"after")
    after = embedded_shop.pull(2)
    embedded_shop.let_deadline_be(0, after)
    [time] = [one.message.publish_time for one in after if one.message.message_id == message_id]
    embedded_shop.subscriber.seek(request={"subscription": embedded_shop.subscription, "time": time})
    assert data_of(embedded_shop.pull_now()) == [b"after"]


def test_dead_letters_go_to_their_topic_after_the_last_attempt(embedded_shop: Shop) -> None:
    dead_letter_topic = embedded_shop.new_topic()
    policy = {"dead_letter_topic": dead_letter_topic, "max_delivery_attempts": 5}
    dead_letters = embedded_shop.new_subscription(topic=dead_letter_topic)
    embedded_shop.subscription = embedded_shop.new_subscription(dead_letter_policy=policy)
    embedded_shop.publish(b"poison", {"event_type": "order"})
    for attempt in range(1, 6):
        [received] = embedded_shop.pull()
        assert received.delivery_attempt == attempt
        embedded_shop.let_deadline_be(0, [received])
    [dead] = embedded_shop.pull(1, dead_letters)
    assert dead.message.data == b"poison"
    assert dead.message.attributes["event_type"] == "order"
    assert dead.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert embedded_shop.pull_now() == []


def test_a_retry_policy_delays_what_was_nacked(embedded_shop: Shop) -> None:
    embedded_shop.subscription = embedded_shop.new_subscription(
        retry_policy={"minimum_backoff": Duration(seconds=1), "maximum_backoff": Duration(seconds=2)}
    )
    embedded_shop.publish(b"later")
    embedded_shop.let_deadline_be(0, embedded_shop.pull())
    assert embedded_shop.pull_now() == []
    assert data_of(embedded_shop.pull()) == [b"later"]
