"""What the server refuses, each with the status Pub/Sub answers."""

from __future__ import annotations

from typing import ClassVar

import grpc


class PubSubError(Exception):
    """A refused call; the text is the status message the client sees."""

    status: ClassVar[grpc.StatusCode]


class NotFound(PubSubError):
    """There is no topic or subscription of that name."""

    status = grpc.StatusCode.NOT_FOUND


class AlreadyExists(PubSubError):
    """The name is taken."""

    status = grpc.StatusCode.ALREADY_EXISTS


class InvalidArgument(PubSubError):
    """Pub/Sub itself would refuse this request."""

    status = grpc.StatusCode.INVALID_ARGUMENT


class Unimplemented(PubSubError):
    """Pub/Sub can do this and this server cannot: refused rather than ignored."""

    status = grpc.StatusCode.UNIMPLEMENTED


class MemoryCapReached(PubSubError):
    """The unacknowledged messages fill the server's memory cap."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED
