"""What a user reads when something that must be there is not."""

from __future__ import annotations

import pytest

from local.child import free_ports
from local.stack import Stack
from tests.endtoend.events import messages
from tests.endtoend.pipeline_process import PipelineProcess
from tests.endtoend.plant import Plant

KINDS = ("subscription", "Pub/Sub", "DLQ topic", "alerts topic", "dataset", "bucket")


@pytest.fixture(scope="module")
def ended(stack: Stack) -> dict[str, PipelineProcess]:
    """A pipeline for each thing that can be missing; all have ended."""
    plants = {kind: Plant(stack) for kind in KINDS}
    for plant in plants.values():
        plant.publish_all([*messages(3), (b"bad", {"event_type": "order"})])
    (closed_port,) = free_ports(1)
    none = "projects/local-shop/{}/not-there"
    processes = {
        "subscription": plants["subscription"].start(input_subscription=none.format("subscriptions")),
        "Pub/Sub": plants["Pub/Sub"].start(variables={"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{closed_port}"}),
        "DLQ topic": plants["DLQ topic"].start(dlq_topic=none.format("topics")),
        "alerts topic": plants["alerts topic"].start(
            alerts_topic=none.format("topics"), min_validity_messages=1
        ),
        "dataset": plants["dataset"].start(bq_dataset="local-shop:not_there"),
        "bucket": plants["bucket"].start(output_bucket="gs://bucket-not-there"),
    }
    for process in processes.values():
        process.wait(90)
    return processes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "code", "sentence"),
    [
        (
            "subscription",
            2,
            "--input_subscription=projects/local-shop/subscriptions/not-there cannot be read: 404",
        ),
        ("Pub/Sub", 2, "--input_subscription=projects/local-shop/subscriptions/"),
        (
            "DLQ topic",
            1,
            "topic projects/local-shop/topics/not-there does not exist: create it, or name another",
        ),
        (
            "alerts topic",
            1,
            "topic projects/local-shop/topics/not-there does not exist: create it, or name another",
        ),
        ("dataset", 1, "BigQuery does not let us write to local-shop.not_there."),
        ("bucket", 1, "bucket gs://bucket-not-there does not exist: create it, or name another"),
    ],
)
def test_last_line_names_what_is_missing(
    kind: str, code: int, sentence: str, ended: dict[str, PipelineProcess]
) -> None:
    assert ended[kind].last_line.startswith(f"error: {sentence}")
    assert ended[kind].wait() == code
