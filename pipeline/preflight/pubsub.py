"""The subscription that is read, and the topics that are published to."""

from __future__ import annotations

import contextlib
from functools import lru_cache
from typing import Any

from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import pubsub_v1

from pipeline.preflight.findings import CALL_SECONDS, Check, Finding, emulator_of, not_checked, ok, wrong

ACK_DEADLINE_SECONDS = 60
"""The pipeline acknowledges after its sinks have written."""
RETENTION_SECONDS = 7 * 86_400
SERVICE = "Pub/Sub"
_DELETED = "_deleted-topic_"
_VIEW = "roles/pubsub.viewer"
_KEPT = "--message-retention-duration=7d --expiration-period=never"
_CALL: dict[str, Any] = {"retry": None, "timeout": CALL_SECONDS}


def subscription_checks(subscription: str, ledger_lateness_seconds: int) -> list[Check]:
    """What the subscription of the events must be."""
    project, name = _parts(subscription)
    create = f"gcloud pubsub subscriptions create {name} --project={project} --topic=events"
    may_read = f"gcloud pubsub subscriptions add-iam-policy-binding {name} --project={project}"
    return [
        Check(
            f"subscription {subscription}",
            SERVICE,
            project,
            lambda: _look_at_subscription(subscription, ledger_lateness_seconds),
            f"{create} --ack-deadline={ACK_DEADLINE_SECONDS} {_KEPT}",
            _VIEW,
        ),
        Check(
            f"role on {subscription}",
            SERVICE,
            project,
            lambda: _allowed(
                _subscriber(),
                subscription,
                "pubsub.subscriptions.consume",
                f"{may_read} --member=serviceAccount:ACCOUNT --role=roles/pubsub.subscriber",
            ),
            of_account=True,
        ),
    ]


def topic_checks(topic: str, flag: str, events_from: str | None) -> list[Check]:
    """What a topic must be that the pipeline publishes to; `events_from` is the subscription it reads."""
    project, name = _parts(topic)
    may_publish = f"gcloud pubsub topics add-iam-policy-binding {name} --project={project}"
    return [
        Check(
            f"topic {topic}",
            SERVICE,
            project,
            lambda: _look_at_topic(topic, flag, events_from),
            f"gcloud pubsub topics create {name} --project={project}",
            _VIEW,
        ),
        Check(
            f"role on {topic}",
            SERVICE,
            project,
            lambda: _allowed(
                _publisher(),
                topic,
                "pubsub.topics.publish",
                f"{may_publish} --member=serviceAccount:ACCOUNT --role=roles/pubsub.publisher",
            ),
            of_account=True,
        ),
    ]


def _look_at_subscription(subscription: str, ledger_lateness_seconds: int) -> list[Finding]:
    what = f"subscription {subscription}"
    project, name = _parts(subscription)
    found = _subscriber().get_subscription(subscription=subscription, **_CALL)
    update = f"gcloud pubsub subscriptions update {name} --project={project}"
    if found.topic == _DELETED:
        # Its messages are kept until they expire, and no new ones come.
        return [
            wrong(
                what,
                "Its topic has been deleted: it gets nothing any more.",
                f"gcloud pubsub subscriptions delete {name} --project={project}",
            )
        ]
    retention_seconds = int(found.message_retention_duration.total_seconds())
    return [
        ok(what, f"Topic {found.topic}."),
        _ack_deadline(what, found.ack_deadline_seconds, update),
        _retention(what, retention_seconds, ledger_lateness_seconds, update),
        _delivery(what, found, update),
        _dead_letter_policy(what, found, update),
    ]


def _ack_deadline(what: str, seconds: int, update: str) -> Finding:
    what = f"{what}: ack deadline"
    if seconds < ACK_DEADLINE_SECONDS:
        return wrong(
            what,
            f"It is {seconds} s, and messages are acknowledged after the sinks have written: they would come "
            f"twice. Take {ACK_DEADLINE_SECONDS} s or more.",
            f"{update} --ack-deadline={ACK_DEADLINE_SECONDS}",
        )
    return ok(what, f"{seconds} s.")


def _retention(what: str, seconds: int, ledger_lateness_seconds: int, update: str) -> Finding:
    what = f"{what}: retention"
    if seconds < RETENTION_SECONDS:
        return wrong(
            what,
            f"It is {seconds:,} s: a pipeline that stands still for longer loses messages.",
            f"{update} --message-retention-duration=7d",
        )
    if seconds > ledger_lateness_seconds:
        return wrong(
            what,
            f"It is {seconds:,} s, and ledger and lake take messages for {ledger_lateness_seconds:,} s: "
            f"launch with --ledger_lateness_seconds={seconds}, or keep messages for less.",
            f"{update} --message-retention-duration={ledger_lateness_seconds}s",
        )
    return ok(what, f"{seconds:,} s.")


def _delivery(what: str, found: Any, update: str) -> Finding:
    what = f"{what}: pull delivery"
    if found.push_config.push_endpoint:
        return wrong(
            what,
            f"It pushes to {found.push_config.push_endpoint}: there is nothing to pull.",
            f"{update} --push-endpoint=",
        )
    if found.bigquery_config.table or found.cloud_storage_config.bucket:
        return wrong(
            what,
            "Pub/Sub itself writes its messages away: the pipeline needs a subscription of its own.",
            f"gcloud pubsub subscriptions create NAME --topic={found.topic} --ack-deadline=60",
        )
    remarks = []
    if found.filter:
        remarks.append(f"It has a filter, and what it leaves out is never seen: {found.filter}.")
    if found.enable_exactly_once_delivery:
        remarks.append("Exactly-once delivery makes it slower; Dataflow removes redelivered messages itself.")
    return ok(what, " ".join(remarks))


def _dead_letter_policy(what: str, found: Any, update: str) -> Finding:
    what = f"{what}: no dead-letter policy"
    if found.dead_letter_policy.dead_letter_topic:
        return wrong(
            what,
            f"Pub/Sub would move messages to {found.dead_letter_policy.dead_letter_topic} that the pipeline "
            "has not finished, past the ledger; Dataflow does not support it.",
            f"{update} --clear-dead-letter-policy",
        )
    return ok(what)


def _look_at_topic(topic: str, flag: str, events_from: str | None) -> list[Finding]:
    what = f"topic {topic}"
    project, name = _parts(topic)
    _publisher().get_topic(topic=topic, **_CALL)
    read_by = list(_publisher().list_topic_subscriptions(topic=topic, **_CALL))
    if events_from in read_by:
        return [
            wrong(
                what,
                f"The pipeline reads it too, by {events_from}: it would feed itself. Name another.",
                f"gcloud pubsub topics create {name}-out --project={project}  # and --{flag}=…",
            )
        ]
    if not read_by:
        return [
            wrong(
                what,
                "It has no subscription: what is published there is lost.",
                f"gcloud pubsub subscriptions create {name}-sub --project={project} --topic={name} {_KEPT}",
            )
        ]
    return [ok(what, f"Read by {', '.join(_parts(one)[1] for one in read_by)}.{_expiry(read_by)}")]


def _expiry(subscriptions: list[str]) -> str:
    """A remark on those that Pub/Sub deletes, with what is in them, when nobody reads them for a while."""
    expiring = []
    for subscription in subscriptions:
        with contextlib.suppress(NotFound, Forbidden):
            found = _subscriber().get_subscription(subscription=subscription, **_CALL)
            if found.expiration_policy.ttl:
                expiring.append(f"{_parts(subscription)[1]} after {found.expiration_policy.ttl.days} days")
    return f" Deleted if nobody reads it: {', '.join(expiring)}." if expiring else ""


def _allowed(client: Any, resource: str, permission: str, grant: str) -> list[Finding]:
    what = f"role on {resource}"
    answer = client.test_iam_permissions(
        request={"resource": resource, "permissions": [permission]}, timeout=CALL_SECONDS
    )
    if emulator_of(SERVICE):
        return [not_checked(what, "The Pub/Sub emulator lets everybody in.")]
    if permission not in answer.permissions:
        return [wrong(what, f"This account lacks {permission}.", grant)]
    return [ok(what)]


def _parts(path: str) -> tuple[str, str]:
    _, project, _, name = path.split("/")
    return project, name


def _subscriber() -> Any:
    return _client(pubsub_v1.SubscriberClient, emulator_of(SERVICE))


def _publisher() -> Any:
    return _client(pubsub_v1.PublisherClient, emulator_of(SERVICE))


@lru_cache(maxsize=8)
def _client(kind: Any, emulator: str | None) -> Any:
    """One for each address; the client reads it from the environment itself."""
    del emulator
    return kind()
