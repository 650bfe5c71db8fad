"""The gRPC service google.pubsub.v1.Publisher."""

from __future__ import annotations

from typing import Any

import grpc

from local.pubsub_server import proto
from local.pubsub_server.calls import page, unary
from local.pubsub_server.settings import check_project
from local.pubsub_server.store import Store


class Publisher:
    """Topics and publishing."""

    def __init__(self, store: Store) -> None:
        """Serve this store."""
        self._store = store

    def handler(self) -> Any:
        """Return what a gRPC server registers."""
        return grpc.method_handlers_generic_handler(
            "google.pubsub.v1.Publisher",
            {
                "CreateTopic": unary(self._create_topic, proto.Topic, proto.Topic),
                "GetTopic": unary(self._get_topic, proto.GetTopicRequest, proto.Topic),
                "ListTopics": unary(self._list_topics, proto.ListTopicsRequest, proto.ListTopicsResponse),
                "ListTopicSubscriptions": unary(
                    self._list_topic_subscriptions,
                    proto.ListTopicSubscriptionsRequest,
                    proto.ListTopicSubscriptionsResponse,
                ),
                "DeleteTopic": unary(self._delete_topic, proto.DeleteTopicRequest, proto.Empty),
                "Publish": unary(self._publish, proto.PublishRequest, proto.PublishResponse),
            },
        )

    async def _create_topic(self, request: Any, _: Any) -> Any:
        return self._store.create_topic(request)

    async def _get_topic(self, request: Any, _: Any) -> Any:
        return self._store.topic(request.topic)

    async def _list_topics(self, request: Any, _: Any) -> Any:
        check_project(request.project)
        topics = [
            topic for name, topic in self._store.topics.items() if name.startswith(request.project + "/")
        ]
        shown, next_token = page(topics, request.page_size, request.page_token)
        return proto.ListTopicsResponse(topics=shown, next_page_token=next_token)

    async def _list_topic_subscriptions(self, request: Any, _: Any) -> Any:
        names = self._store.subscriptions_of(request.topic)
        shown, next_token = page(names, request.page_size, request.page_token)
        return proto.ListTopicSubscriptionsResponse(subscriptions=shown, next_page_token=next_token)

    async def _delete_topic(self, request: Any, _: Any) -> Any:
        self._store.delete_topic(request.topic)
        return proto.Empty()

    async def _publish(self, request: Any, _: Any) -> Any:
        return proto.PublishResponse(message_ids=self._store.publish(request))
