"""The client that reads subscriptions."""

from __future__ import annotations

import os

import grpc
from google.cloud import pubsub_v1
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport


def subscriber_client() -> pubsub_v1.SubscriberClient:
    """A client that can receive 10 MB messages; towards an emulator, the library's own ends at 4 MiB."""
    emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
    if not emulator:
        return pubsub_v1.SubscriberClient()
    channel = grpc.insecure_channel(emulator, options=[("grpc.max_receive_message_length", -1)])
    return pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
