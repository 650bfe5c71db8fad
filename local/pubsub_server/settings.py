"""The rules for names, topics and subscriptions: what is refused, what is filled in."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from local.pubsub_server import proto
from local.pubsub_server.backlog import Backoff, Terms
from local.pubsub_server.errors import InvalidArgument, Unimplemented

DELETED_TOPIC = "_deleted-topic_"
MIN_ACK_DEADLINE_SECONDS = 10
MAX_ACK_DEADLINE_SECONDS = 600

_NAME = re.compile(
    r"projects/[^/]+/(?P<kind>topics|subscriptions)/(?!goog)[A-Za-z][\w.~+%-]{2,254}", re.ASCII
)
_PROJECT = re.compile(r"projects/[^/]+")
_SECOND_US = 1_000_000
_DAY_SECONDS = 86_400
_DEFAULT_RETENTION_SECONDS = 7 * _DAY_SECONDS
_MIN_RETENTION_SECONDS = 600
_MAX_RETENTION_SECONDS = 31 * _DAY_SECONDS
_EXPIRATION_SECONDS = 31 * _DAY_SECONDS
_MIN_BACKOFF_SECONDS = 10
_MAX_BACKOFF_SECONDS = 600
_DEFAULT_DELIVERY_ATTEMPTS = 5
_PUSH_BACKOFF = Backoff(minimum_us=100_000, maximum_us=60 * _SECOND_US)

_TOPIC_FIELDS = {"name", "labels"}
_PUSH_FIELDS = {"push_endpoint", "attributes"}
UPDATABLE_FIELDS = {
    "ack_deadline_seconds",
    "dead_letter_policy",
    "expiration_policy",
    "labels",
    "message_retention_duration",
    "push_config",
    "retry_policy",
}
_OUTPUT_ONLY_FIELDS = {"detached", "state", "topic_message_retention_duration"}
_SUBSCRIPTION_FIELDS = UPDATABLE_FIELDS | _OUTPUT_ONLY_FIELDS | {"name", "topic"}


def check_name(name: str, kind: str) -> None:
    """Raise InvalidArgument unless this names a resource of the kind, `topics` or `subscriptions`."""
    match = _NAME.fullmatch(name)
    if match is None or match["kind"] != kind:
        raise InvalidArgument(
            f"Invalid [{kind}] name: (name={name}). It is projects/PROJECT/{kind}/ID, where ID has 3 to 255 "
            "letters, digits and -_.~+%, starts with a letter and not with goog."
        )


def check_project(name: str) -> None:
    """Raise InvalidArgument unless this is `projects/PROJECT`."""
    if _PROJECT.fullmatch(name) is None:
        raise InvalidArgument(f"Invalid [projects] name: (name={name}). It is projects/PROJECT.")


def check_lease_seconds(seconds: int, minimum: int = 0) -> None:
    """Raise InvalidArgument unless a lease may last so long."""
    if not minimum <= seconds <= MAX_ACK_DEADLINE_SECONDS:
        raise InvalidArgument(
            f"Invalid ack deadline given: {seconds} s. It is {minimum} to {MAX_ACK_DEADLINE_SECONDS} s."
        )


def checked_topic(requested: Any) -> Any:
    """Return a Topic as it is stored. Raises InvalidArgument, Unimplemented."""
    check_name(requested.name, "topics")
    _refuse_other_fields(requested, _TOPIC_FIELDS)
    topic = proto.Topic()
    topic.CopyFrom(requested)
    return topic


def checked_subscription(requested: Any) -> Any:
    """Return a Subscription as it is stored, defaults filled in. Raises InvalidArgument, Unimplemented."""
    check_name(requested.name, "subscriptions")
    if requested.topic != DELETED_TOPIC:
        check_name(requested.topic, "topics")
    _refuse_other_fields(requested, _SUBSCRIPTION_FIELDS)
    subscription = proto.Subscription()
    subscription.CopyFrom(requested)
    for field in _OUTPUT_ONLY_FIELDS:
        subscription.ClearField(field)
    subscription.state = proto.Subscription.State.ACTIVE
    if not subscription.ack_deadline_seconds:
        subscription.ack_deadline_seconds = MIN_ACK_DEADLINE_SECONDS
    check_lease_seconds(subscription.ack_deadline_seconds, MIN_ACK_DEADLINE_SECONDS)
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.seconds = _DEFAULT_RETENTION_SECONDS
    retention_seconds = subscription.message_retention_duration.seconds
    if not _MIN_RETENTION_SECONDS <= retention_seconds <= _MAX_RETENTION_SECONDS:
        raise InvalidArgument(
            f"Invalid message_retention_duration: {retention_seconds} s. It is 10 minutes to 31 days."
        )
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.seconds = _EXPIRATION_SECONDS
    check_push_config(subscription.push_config)
    _complete_dead_letter_policy(subscription)
    _complete_retry_policy(subscription)
    return subscription


def check_push_config(push_config: Any) -> None:
    """Raise InvalidArgument or Unimplemented unless messages can be pushed as it says."""
    _refuse_other_fields(push_config, _PUSH_FIELDS)
    endpoint = push_config.push_endpoint
    if endpoint and not _is_http_url(endpoint):
        raise InvalidArgument(f"Invalid push endpoint given: {endpoint}. It is an http or https URL.")
    for key, value in push_config.attributes.items():
        if (key, value) != ("x-goog-version", "v1"):
            raise Unimplemented(
                f"push_config.attributes: only x-goog-version=v1 is spoken, not {key}={value}."
            )


def terms_of(subscription: Any) -> Terms:
    """Read what the backlog must know from a stored Subscription."""
    backoff = None
    if subscription.HasField("retry_policy"):
        policy = subscription.retry_policy
        backoff = Backoff(_microseconds(policy.minimum_backoff), _microseconds(policy.maximum_backoff))
    elif subscription.push_config.push_endpoint:
        backoff = _PUSH_BACKOFF
    has_dead_letters = subscription.HasField("dead_letter_policy")
    return Terms(
        ack_deadline_us=subscription.ack_deadline_seconds * _SECOND_US,
        retention_us=_microseconds(subscription.message_retention_duration),
        backoff=backoff,
        max_delivery_attempts=subscription.dead_letter_policy.max_delivery_attempts
        if has_dead_letters
        else None,
    )


def _is_http_url(text: str) -> bool:
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:  # not even a URL, or a port that is none
        return False


def _complete_dead_letter_policy(subscription: Any) -> None:
    if not subscription.HasField("dead_letter_policy"):
        return
    policy = subscription.dead_letter_policy
    check_name(policy.dead_letter_topic, "topics")
    if not policy.max_delivery_attempts:
        policy.max_delivery_attempts = _DEFAULT_DELIVERY_ATTEMPTS
    if not 5 <= policy.max_delivery_attempts <= 100:
        raise InvalidArgument(
            f"Invalid max_delivery_attempts: {policy.max_delivery_attempts}. It is 5 to 100."
        )


def _complete_retry_policy(subscription: Any) -> None:
    if not subscription.HasField("retry_policy"):
        return
    policy = subscription.retry_policy
    if not policy.HasField("minimum_backoff"):
        policy.minimum_backoff.seconds = _MIN_BACKOFF_SECONDS
    if not policy.HasField("maximum_backoff"):
        policy.maximum_backoff.seconds = _MAX_BACKOFF_SECONDS
    minimum_us, maximum_us = _microseconds(policy.minimum_backoff), _microseconds(policy.maximum_backoff)
    if not 0 <= minimum_us <= maximum_us <= _MAX_BACKOFF_SECONDS * _SECOND_US:
        raise InvalidArgument("Invalid retry_policy: it is 0 <= minimum_backoff <= maximum_backoff <= 600 s.")


def _refuse_other_fields(message: Any, known: set[str]) -> None:
    for field, _ in message.ListFields():
        if field.name not in known:
            raise Unimplemented(
                f"{message.DESCRIPTOR.name}.{field.name} is not supported by the embedded Pub/Sub server; "
                "leave it out, or use Google's emulator or the service."
            )


def _microseconds(duration: Any) -> int:
    return int(duration.ToMicroseconds())
