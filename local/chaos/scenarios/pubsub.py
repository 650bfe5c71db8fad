"""Pub/Sub: topics gone or refusing, everything delivered twice, everything standing still."""

from __future__ import annotations

import threading
import time

import grpc
from google.protobuf.empty_pb2 import Empty

from local.chaos.pubsub_proxy import ACKNOWLEDGE, PUBLISH, Forward, Rule, refuse, refuse_publishing, topic_of
from local.chaos.scenario import Proof, Scenario
from local.chaos.scenarios.outages import meet, outage_under_load
from local.chaos.standstill import is_stopped, standing_still
from local.chaos.trial import Trial
from local.errors import StackError

ALERTS_COME = {
    "quality_window_seconds": 5,
    "pane_seconds": 5,
    "min_validity_messages": 5,
    "anomaly_warmup_windows": 4,
}
MANY_LETTERS = {"malformed_share": 0.3}
"""Each window has so many of them that an alert of low validity opens."""


def dlq_topic_missing(trial: Trial) -> None:
    """Delete the topic and create it again; what was published before stays with its subscription."""
    topic = trial.site.dlq_topic
    with outage_under_load(trial):
        trial.site.delete_topic(topic)
        trial.outlast()
        trial.wait_until_met()
        trial.site.create_topic(topic)


def dlq_topic_refuses(trial: Trial) -> None:
    """Answer UNAVAILABLE to whatever is published to the topic."""
    rule = refuse_publishing(trial.site.dlq_topic, grpc.StatusCode.UNAVAILABLE)
    meet(trial, trial.pubsub.fault(rule))


def wait_for_an_alert(trial: Trial) -> None:
    """Wait until an alert is in its table: then it is about to be told."""
    trial.wait_for(
        lambda: any(table == "alerts" for table, _ in trial.journal.written_at()), 60.0, "No alert"
    )


def alerts_topic_missing(trial: Trial) -> None:
    """Let the first alerts come while their topic is missing."""
    trial.site.delete_topic(trial.site.alerts_topic)
    wait_for_an_alert(trial)
    with trial.outage():
        trial.outlast()
        trial.wait_until_met()
        trial.site.create_topic(trial.site.alerts_topic)


def alerts_topic_refuses(trial: Trial) -> None:
    """Let the first alerts come while their topic answers UNAVAILABLE."""
    with trial.pubsub.fault(refuse_publishing(trial.site.alerts_topic, grpc.StatusCode.UNAVAILABLE)):
        wait_for_an_alert(trial)
        with trial.outage():
            trial.outlast()
            trial.wait_until_met()


def refuses(trial: Trial) -> None:
    """Answer UNAVAILABLE to everything."""
    meet(trial, trial.pubsub.fault(refuse(grpc.StatusCode.UNAVAILABLE)))


def stands_still(trial: Trial) -> None:
    """Stop the server's process for a while: connections stay, and nothing moves."""
    pid = trial.stack.service("pubsub").pid
    if pid is None:
        raise StackError("The stack has no Pub/Sub server.")
    with outage_under_load(trial), standing_still(pid):
        trial.outlast()
        if is_stopped(pid):
            trial.note_fault()


def connections_cut(trial: Trial) -> None:
    """Break every connection and take no new one for a while."""
    with outage_under_load(trial):
        trial.pubsub.cut()
        try:
            trial.outlast()
            if not trial.pubsub.listens():
                trial.note_fault()
        finally:
            trial.pubsub.open()


def swallow_first_acknowledgements(trial: Trial) -> Rule:
    """Say yes to the first acknowledgement of each message and tell Pub/Sub nothing of it."""
    swallowed: set[str] = set()
    lock = threading.Lock()

    def rule(method: str, request: bytes, forward: Forward) -> bytes | None:
        if method != ACKNOWLEDGE:
            return None
        with lock:
            message_ids = set(trial.pubsub.message_ids(request))
            is_new = not message_ids <= swallowed
            swallowed.update(message_ids)
        return bytes(Empty().SerializeToString()) if is_new else None

    return rule


def redelivered(trial: Trial) -> None:
    """Lose every acknowledgement once, so that everything comes twice."""
    with trial.pubsub.fault(swallow_first_acknowledgements(trial)):
        trial.wait_until_flowing()
        trial.producer.finish()
        trial.wait_for(trial.has_acknowledged_everything, 90.0, "Something is not acknowledged")


def redelivered_after_kill(trial: Trial) -> None:
    """Lose every acknowledgement, then kill the pipeline: the next one gets everything once more."""
    empty = bytes(Empty().SerializeToString())

    def rule(method: str, request: bytes, forward: Forward) -> bytes | None:
        return empty if method == ACKNOWLEDGE else None

    with trial.pubsub.fault(rule):
        trial.wait_until_flowing()
        trial.producer.finish()
        trial.pause(0.3, 3)
        trial.supervisor.kill()
    trial.supervisor.wait_until_reading()


class PublishTwice:
    """Publishes what goes to a topic once more some seconds later, as a publisher that heard no answer."""

    def __init__(self, topic: str, seconds: float) -> None:
        """Repeat after `seconds`."""
        self._topic, self._seconds = topic, seconds
        self.pending: list[threading.Thread] = []

    def rule(self, method: str, request: bytes, forward: Forward) -> bytes | None:
        """Let everything pass, and what is published twice."""
        if method != PUBLISH or topic_of(request) != self._topic:
            return None
        answer = forward(request)
        self.pending.append(threading.Thread(target=self._again, args=(request, forward), daemon=True))
        self.pending[-1].start()
        return answer

    def _again(self, request: bytes, forward: Forward) -> None:
        time.sleep(self._seconds)
        forward(request)


def published_twice(trial: Trial) -> None:
    """Publish everything twice, each time with an id of its own."""
    twice = PublishTwice(trial.site.events_topic, trial.rng.uniform(3, 5))
    with trial.pubsub.fault(twice.rule):
        trial.producer.finish()
        for thread in twice.pending:
            thread.join(30.0)


PUBSUB = (
    Scenario(
        "dlq-topic-missing",
        "The DLQ topic is deleted, then there again.",
        dlq_topic_missing,
        recovered_when="acknowledged",
    ),
    Scenario(
        "dlq-topic-refuses",
        "The DLQ topic answers UNAVAILABLE.",
        dlq_topic_refuses,
        recovered_when="acknowledged",
    ),
    Scenario(
        "alerts-topic-missing",
        "Alerts come while their topic is deleted; then it is there again.",
        alerts_topic_missing,
        generator=MANY_LETTERS,
        pipeline=ALERTS_COME,
    ),
    Scenario(
        "alerts-topic-refuses",
        "Alerts come while their topic answers UNAVAILABLE.",
        alerts_topic_refuses,
        generator=MANY_LETTERS,
        pipeline=ALERTS_COME,
    ),
    Scenario("pubsub-refuses", "Pub/Sub answers UNAVAILABLE to everything.", refuses),
    Scenario(
        "pubsub-stands-still",
        "The Pub/Sub server's process is stopped, and goes on.",
        stands_still,
        held_up_seconds=1.0,
    ),
    Scenario("pubsub-connections-cut", "All connections to Pub/Sub break, and no new one.", connections_cut),
    Scenario("redelivered", "Every acknowledgement is lost once: everything comes twice.", redelivered),
    Scenario(
        "redelivered-after-kill",
        "No acknowledgement arrives, then kill -9: everything comes once more.",
        redelivered_after_kill,
        proof=Proof(kills=1),
    ),
    Scenario(
        "published-twice",
        "Everything is published twice, seconds apart.",
        published_twice,
        faults_in_publishing=True,
    ),
)
