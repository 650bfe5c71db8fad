"""The two ends of the raw archive: the subscription it empties and the folder of a bucket it fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import requests
from google.api_core.exceptions import GoogleAPIError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import TransportError
from google.cloud import storage
from google.protobuf import empty_pb2
from google.pubsub_v1.types import AcknowledgeRequest, PullRequest, PullResponse

_PULL_MESSAGES = 1_000
_CALL_TIMEOUT_SECONDS = 5.0
_IDS_IN_REQUEST = 2_500
"""Pub/Sub takes requests of 512 KiB, and an acknowledgement id has about 200 bytes."""
_SERVICE = "/google.pubsub.v1.Subscriber/"


class UnreachableError(Exception):
    """A server did not do what it was asked, which may pass; the message says what it said."""


class Subscription:
    """One subscription at the Pub/Sub emulator at `host:port`.

    With the plain protobuf objects: the client library's wrapped ones cost several times more.
    """

    def __init__(self, address: str, name: str) -> None:
        """Connect when it is first used."""
        options = [
            # A message has up to 10 MB, and gRPC takes responses of 4 MiB unless told otherwise.
            ("grpc.max_receive_message_length", -1),
            # Left alone, it would wait for up to two minutes before it looks for a lost server again.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1_000),
        ]
        self._channel = grpc.insecure_channel(address, options=options)
        self.name = name
        self._pull = self._method("Pull", PullRequest, PullResponse.pb())
        self._acknowledge = self._method("Acknowledge", AcknowledgeRequest, empty_pb2.Empty)

    def pull(self) -> Sequence[Any]:
        """Return up to 1,000 ReceivedMessages; none if none waits. Raises: UnreachableError."""
        # Deprecated for the sake of the service's throughput; the emulators answer right either way.
        request = PullRequest.pb()(
            subscription=self.name, max_messages=_PULL_MESSAGES, return_immediately=True
        )
        received: Sequence[Any] = _call(self._pull, request).received_messages
        return received

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Acknowledge; ids whose lease is over do no harm. Raises: UnreachableError."""
        for start in range(0, len(ack_ids), _IDS_IN_REQUEST):
            some = ack_ids[start : start + _IDS_IN_REQUEST]
            _call(self._acknowledge, AcknowledgeRequest.pb()(subscription=self.name, ack_ids=some))

    def _method(self, name: str, request: Any, response: Any) -> Any:
        return self._channel.unary_unary(
            _SERVICE + name,
            request_serializer=request.pb().SerializeToString,
            response_deserializer=response.FromString,
        )


class Folder:
    """A `gs://bucket/folder` in the Cloud Storage emulator at `http://host:port`."""

    def __init__(self, address: str, uri: str) -> None:
        """Connect when it is first used."""
        self.uri = uri
        bucket, _, self._prefix = uri.removeprefix("gs://").partition("/")
        client = storage.Client(
            project="local",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": address},
        )
        self._bucket = client.bucket(bucket)

    def write(self, name: str, data: bytes) -> None:
        """Write an object, which appears whole or not at all. Raises: UnreachableError."""
        blob = self._bucket.blob(f"{self._prefix}/{name}")
        try:
            # Without the client's own retries, which would go on for minutes and hear no signal.
            blob.upload_from_string(
                data, content_type="application/gzip", timeout=_CALL_TIMEOUT_SECONDS, retry=None
            )
        except (GoogleAPIError, TransportError, requests.RequestException) as error:
            raise UnreachableError(_shortened(str(error) or type(error).__name__)) from error


def _call(method: Any, request: Any) -> Any:
    try:
        return method(request, timeout=_CALL_TIMEOUT_SECONDS)
    except grpc.RpcError as error:
        raise UnreachableError(_shortened(f"{error.code().name}: {error.details()}")) from error


def _shortened(text: str) -> str:
    return " ".join(text.split())[:200]
