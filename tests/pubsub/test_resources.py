"""Topics and subscriptions as resources: the same on every server."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import PubsubMessage

from tests.pubsub.shop import Shop, data_of


def test_a_topic_exists_from_create_to_delete(shop: Shop) -> None:
    topic = shop.new_topic()
    assert shop.publisher.get_topic(topic=topic).name == topic
    with pytest.raises(AlreadyExists):
        shop.publisher.create_topic(name=topic)
    shop.publisher.delete_topic(topic=topic)
    for call in (shop.publisher.get_topic, shop.publisher.delete_topic):
        with pytest.raises(NotFound):
            call(topic=topic)


def test_publishing_to_a_missing_topic_is_not_found(shop: Shop) -> None:
    shop.topic = shop.new_name("topics")
    with pytest.raises(NotFound):
        shop.publish(b"x")


def test_the_batching_publisher_publishes(shop: Shop) -> None:
    futures = [shop.publisher.publish(shop.topic, b"%d" % n, number=str(n)) for n in range(250)]
    ids = {future.result(20) for future in futures}
    received = shop.pull(250)
    assert ids == {one.message.message_id for one in received}
    assert {(one.message.data, one.message.attributes["number"]) for one in received} == {
        (b"%d" % n, str(n)) for n in range(250)
    }


def test_a_subscription_exists_from_create_to_delete(shop: Shop) -> None:
    name = shop.new_subscription()
    created = shop.subscriber.get_subscription(subscription=name)
    assert (created.name, created.topic, created.ack_deadline_seconds) == (name, shop.topic, 10)
    assert created.message_retention_duration.days == 7
    with pytest.raises(AlreadyExists):
        shop.subscriber.create_subscription(name=name, topic=shop.topic)
    shop.subscriber.delete_subscription(subscription=name)
    for call in (shop.subscriber.get_subscription, shop.subscriber.delete_subscription):
        with pytest.raises(NotFound):
            call(subscription=name)


def test_a_subscription_needs_a_topic_that_exists(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.new_subscription(topic=shop.new_name("topics"))


@pytest.mark.parametrize("seconds", [-1, 601])
def test_an_ack_deadline_out_of_bounds_is_refused(shop: Shop, seconds: int) -> None:
    with pytest.raises(InvalidArgument):
        shop.new_subscription(ack_deadline_seconds=seconds)


@pytest.mark.parametrize(
    "name", ["orders", "projects/shop/topics/1st", "projects/shop/topics/googles", "a b"]
)
def test_a_malformed_topic_name_is_refused(shop: Shop, name: str) -> None:
    with pytest.raises(InvalidArgument):
        shop.publisher.create_topic(name=name)


def test_lists_name_everything_across_pages(shop: Shop) -> None:
    topics = {shop.topic} | {shop.new_topic() for _ in range(4)}
    subscriptions = {shop.subscription} | {shop.new_subscription() for _ in range(4)}
    for size in (0, 2):
        page = {"project": shop.project, "page_size": size}
        assert {topic.name for topic in shop.publisher.list_topics(request=page)} == topics
        listed = shop.subscriber.list_subscriptions(request=page)
        assert {subscription.name for subscription in listed} == subscriptions
        of_topic = shop.publisher.list_topic_subscriptions(request={"topic": shop.topic, "page_size": size})
        assert set(of_topic) == subscriptions


def test_an_update_changes_the_named_fields_only(shop: Shop) -> None:
    wanted = {"name": shop.subscription, "ack_deadline_seconds": 30, "labels": {"ignored": "yes"}}
    mask = FieldMask(paths=["ack_deadline_seconds"])
    shop.subscriber.update_subscription(subscription=wanted, update_mask=mask)
    updated = shop.subscriber.get_subscription(subscription=shop.subscription)
    assert (updated.ack_deadline_seconds, dict(updated.labels), updated.topic) == (30, {}, shop.topic)


@pytest.mark.parametrize("paths", [[], ["topic"], ["no_such_field"]])
def test_an_update_of_nothing_or_of_a_fixed_field_is_refused(shop: Shop, paths: list[str]) -> None:
    wanted = {"name": shop.subscription, "topic": shop.topic}
    with pytest.raises(InvalidArgument):
        shop.subscriber.update_subscription(subscription=wanted, update_mask=FieldMask(paths=paths))


def test_a_subscription_outlives_its_topic_with_what_it_holds(shop: Shop) -> None:
    shop.publish(b"kept")
    shop.publisher.delete_topic(topic=shop.topic)
    assert shop.subscriber.get_subscription(subscription=shop.subscription).topic == "_deleted-topic_"
    assert data_of(shop.pull()) == [b"kept"]


def test_a_subscription_made_anew_starts_empty_and_ignores_old_acknowledgements(shop: Shop) -> None:
    shop.publish(b"old")
    old = shop.pull()
    shop.subscriber.delete_subscription(subscription=shop.subscription)
    shop.subscriber.create_subscription(name=shop.subscription, topic=shop.topic)
    shop.publish(b"new")
    shop.acknowledge(old)
    assert data_of(shop.pull()) == [b"new"]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [PubsubMessage()],
        [PubsubMessage(data=b"good"), PubsubMessage()],
        [PubsubMessage(data=b"x")] * 1_001,
    ],
    ids=["none", "an empty one", "an empty one among others", "1,001"],
)
def test_a_refused_request_publishes_nothing(shop: Shop, messages: list[PubsubMessage]) -> None:
    with pytest.raises(InvalidArgument):
        shop.publish_all(messages)
    assert shop.pull_now() == []
