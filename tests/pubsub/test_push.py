"""Push subscriptions against a real HTTP endpoint: the same on every server."""

from __future__ import annotations

import base64
import time
from itertools import pairwise

from google.pubsub_v1.types import PubsubMessage

from tests.pubsub.endpoint import Endpoint
from tests.pubsub.shop import Shop, data_of


def pushing_to(shop: Shop, endpoint: Endpoint) -> str:
    return shop.new_subscription(push_config={"push_endpoint": endpoint.url})


def pushed_data(endpoint: Endpoint, count: int) -> list[bytes]:
    return [base64.b64decode(push.body["message"]["data"]) for push in endpoint.wait_for(count)]


def test_a_message_is_posted_in_the_standard_envelope(shop: Shop, endpoint: Endpoint) -> None:
    subscription = pushing_to(shop, endpoint)
    message_id = shop.publish(b"\x00\xff data", {"event_type": "order", "имя": "значение"})
    [push] = endpoint.wait_for(1)
    assert push.body["subscription"] == subscription
    message = push.body["message"]
    assert base64.b64decode(message["data"]) == b"\x00\xff data"
    assert message["attributes"] == {"event_type": "order", "имя": "значение"}
    assert message["messageId"] == message["message_id"] == message_id
    assert message["publishTime"] == message["publish_time"]
    assert message["publishTime"].startswith(time.strftime("%Y-", time.gmtime()))
    assert message["publishTime"].endswith("Z")
    assert push.content_type == "application/json"


def test_a_push_that_succeeded_is_not_repeated(shop: Shop, endpoint: Endpoint) -> None:
    endpoint.statuses = [204]
    pushing_to(shop, endpoint)
    shop.publish(b"once")
    endpoint.wait_for(1)
    time.sleep(1)
    assert len(endpoint.pushes) == 1


def test_a_push_that_failed_is_repeated_until_it_succeeds(shop: Shop, endpoint: Endpoint) -> None:
    endpoint.statuses = [500, 503, 404]
    pushing_to(shop, endpoint)
    shop.publish(b"stubborn")
    assert pushed_data(endpoint, 4) == [b"stubborn"] * 4
    time.sleep(1)
    assert len(endpoint.pushes) == 4


def test_all_messages_are_pushed(shop: Shop, endpoint: Endpoint) -> None:
    pushing_to(shop, endpoint)
    shop.publish_all([PubsubMessage(data=b"%d" % n) for n in range(100)])
    assert sorted(pushed_data(endpoint, 100)) == sorted(b"%d" % n for n in range(100))


def test_a_pull_subscription_becomes_a_push_subscription_and_back(shop: Shop, endpoint: Endpoint) -> None:
    shop.publish(b"waiting")
    shop.subscriber.modify_push_config(
        subscription=shop.subscription, push_config={"push_endpoint": endpoint.url}
    )
    assert pushed_data(endpoint, 1) == [b"waiting"]
    time.sleep(0.5)  # let the answer settle the message
    shop.subscriber.modify_push_config(subscription=shop.subscription, push_config={})
    shop.publish(b"pulled")
    assert data_of(shop.pull()) == [b"pulled"]
    assert len(endpoint.pushes) == 1


def test_retries_back_off_exponentially_from_100_ms(embedded_shop: Shop, endpoint: Endpoint) -> None:
    endpoint.statuses = [500, 302, 500, 429]
    pushing_to(embedded_shop, endpoint)
    embedded_shop.publish(b"x")
    times = [push.arrived_at for push in endpoint.wait_for(5)]
    waits = [later - earlier for earlier, later in pairwise(times)]
    for wait, minimum in zip(waits, (0.1, 0.2, 0.4, 0.8), strict=True):
        assert minimum <= wait < minimum + 0.4, waits


def test_no_more_than_eight_pushes_of_a_subscription_are_under_way(
    embedded_shop: Shop, endpoint: Endpoint
) -> None:
    endpoint.answering.clear()
    pushing_to(embedded_shop, endpoint)
    embedded_shop.publish_all([PubsubMessage(data=b"x")] * 30)
    endpoint.wait_for(8)
    time.sleep(0.3)
    assert len(endpoint.pushes) == 8
    endpoint.answering.set()
    endpoint.wait_for(30)
    assert endpoint.most_under_way == 8


def test_an_endpoint_that_is_down_gets_its_messages_when_it_is_up(embedded_shop: Shop) -> None:
    with Endpoint() as endpoint:
        url, port = endpoint.url, endpoint.server_port
    embedded_shop.new_subscription(push_config={"push_endpoint": url})
    embedded_shop.publish(b"patient")
    time.sleep(0.5)
    with Endpoint(port) as endpoint:
        assert pushed_data(endpoint, 1) == [b"patient"]
