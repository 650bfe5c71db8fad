from __future__ import annotations

import pytest

from local.child import free_ports
from tests.preflight.ground import Ground, preflight

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.slow


def test_everything_in_place_is_ok_and_roles_are_said_not_to_be_checked(
    ground: Ground, capsys: Capture
) -> None:
    report = preflight(capsys, ground.flags())
    states = {what: one["state"] for what, one in report.findings.items()}
    subscription, bucket = ground.subscription, f"gs://{ground.bucket}"
    assert states == {
        "credentials": "ok",
        f"subscription {subscription}": "ok",
        f"subscription {subscription}: ack deadline": "ok",
        f"subscription {subscription}: retention": "ok",
        f"subscription {subscription}: pull delivery": "ok",
        f"subscription {subscription}: no dead-letter policy": "ok",
        f"role on {subscription}": "not checked",
        f"topic {ground.topic('dlq')}": "ok",
        f"role on {ground.topic('dlq')}": "not checked",
        f"topic {ground.topic('alerts')}": "ok",
        f"role on {ground.topic('alerts')}": "not checked",
        f"bucket {bucket}": "ok",
        f"bucket {bucket}: uniform access": "not checked",
        f"writing to {bucket}": "ok",
    }
    assert report.code == 0


def test_a_missing_subscription_comes_with_the_command_that_creates_it(
    ground: Ground, capsys: Capture
) -> None:
    name = "projects/local-shop/subscriptions/not-there"
    report = preflight(capsys, ground.flags(input_subscription=name))
    assert report.wrong == [f"subscription {name}"]
    assert report.said(f"subscription {name}")[1] == "It does not exist: create it, or name another."
    assert report.run(f"subscription {name}").startswith(
        "gcloud pubsub subscriptions create not-there --project=local-shop --topic=events --ack-deadline=60"
    )
    assert report.code == 1


def test_a_short_ack_deadline_and_a_short_retention_are_wrong(ground: Ground, capsys: Capture) -> None:
    hasty = ground.queue(
        "hasty",
        ground.topic("events"),
        ack_deadline_seconds=59,
        message_retention_duration={"seconds": 604_799},
    )
    report = preflight(capsys, ground.flags(input_subscription=hasty))
    assert report.wrong == [f"subscription {hasty}: ack deadline", f"subscription {hasty}: retention"]
    assert report.run(f"subscription {hasty}: ack deadline").endswith(" --ack-deadline=60")


def test_messages_kept_for_longer_than_the_ledger_takes_them_are_wrong(
    ground: Ground, capsys: Capture
) -> None:
    report = preflight(capsys, ground.flags(ledger_lateness_seconds="604799"))
    assert report.wrong == [f"subscription {ground.subscription}: retention"]
    assert preflight(capsys, ground.flags(ledger_lateness_seconds="604800")).wrong == []


def test_a_push_subscription_is_wrong(ground: Ground, capsys: Capture) -> None:
    push = ground.queue(
        "push",
        ground.topic("events"),
        ack_deadline_seconds=60,
        push_config={"push_endpoint": "http://127.0.0.1:9/nobody"},
    )
    report = preflight(capsys, ground.flags(input_subscription=push))
    assert report.wrong == [f"subscription {push}: pull delivery"]
    assert report.said(report.wrong[0])[1].startswith("It pushes to http://127.0.0.1:9/nobody")


def test_a_subscription_whose_topic_is_deleted_is_wrong(ground: Ground, capsys: Capture) -> None:
    ground.publisher.delete_topic(topic=ground.topic("events"))
    report = preflight(capsys, ground.flags())
    assert report.wrong == [f"subscription {ground.subscription}"]
    assert report.said(report.wrong[0])[1] == "Its topic has been deleted: it gets nothing any more."


def test_a_deleted_topic_a_topic_without_a_reader_and_a_loop_are_wrong(
    ground: Ground, capsys: Capture
) -> None:
    ground.publisher.delete_topic(topic=ground.topic("dlq"))
    lonely = ground.publisher.create_topic(name=ground.topic("lonely")).name
    report = preflight(capsys, ground.flags(alerts_topic=lonely))
    assert report.wrong == [f"topic {ground.topic('dlq')}", f"topic {lonely}"]
    assert report.said(f"topic {lonely}")[1] == "It has no subscription: what is published there is lost."
    loop = preflight(capsys, ground.flags(dlq_topic=ground.topic("events")))
    assert loop.wrong == [f"topic {ground.topic('events')}"]
    assert "it would feed itself" in loop.said(loop.wrong[0])[1]


def test_a_reader_that_pubsub_would_delete_is_remarked(ground: Ground, capsys: Capture) -> None:
    kept = ground.publisher.create_topic(name=ground.topic("kept")).name
    ground.queue("kept", kept, expiration_policy={"ttl": {"seconds": 0}})
    report = preflight(capsys, ground.flags(alerts_topic=kept))
    name = ground.name
    assert report.said(f"topic {kept}") == ("ok", f"Read by {name}-kept.")
    assert report.said(f"topic {ground.topic('dlq')}")[1] == (
        f"Read by {name}-dlq. Deleted if nobody reads it: {name}-dlq after 31 days."
    )


def test_topics_that_are_none_are_not_looked_at(ground: Ground, capsys: Capture) -> None:
    report = preflight(capsys, ground.flags(dlq_topic="none", alerts_topic="none"))
    assert [what for what in report.findings if "topic" in what] == []


def test_a_server_that_is_not_there_is_named_with_its_address(
    ground: Ground, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (closed_port,) = free_ports(1)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{closed_port}")
    report = preflight(capsys, ground.flags(output_bucket="lake", alerts_topic="none"))
    state, said = report.said(f"subscription {ground.subscription}")
    assert (state, str(closed_port) in said) == ("wrong", True)
    assert "PUBSUB_EMULATOR_HOST" in report.run(f"subscription {ground.subscription}")


def test_without_credentials_and_emulators_one_line_says_so(
    ground: Ground, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # google-auth: do not look for a metadata server
    report = preflight(capsys, ground.flags())
    assert report.wrong == ["credentials"]
    assert report.run("credentials") == "gcloud auth application-default login"
    assert report.said(f"subscription {ground.subscription}")[0] == "not checked"
    assert report.said(f"writing to gs://{ground.bucket}")[0] == "ok"
