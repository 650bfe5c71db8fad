"""What the laptop stack calls its resources, and the variables that tell programs so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_PROJECT = "local-shop"
DATASET = "ecommerce_events"
BUCKET = "shop-events-output"
RAW_ARCHIVE = f"gs://{BUCKET}/raw"

EVENTS_TOPIC = "events"
EVENTS_SUBSCRIPTION = "events-sub"
ARCHIVE_SUBSCRIPTION = "events-archive"
DLQ_TOPIC = "events-dlq"
DLQ_SUBSCRIPTION = "events-dlq-sub"
ALERTS_TOPIC = "order-alerts"
ALERTS_PUSH_SUBSCRIPTION = "order-alerts-push"


@dataclass(frozen=True)
class Names:
    """Full names of the stack's resources in one project."""

    project: str = DEFAULT_PROJECT

    def topic(self, name: str) -> str:
        """Return `projects/…/topics/<name>`."""
        return f"projects/{self.project}/topics/{name}"

    def subscription(self, name: str) -> str:
        """Return `projects/…/subscriptions/<name>`."""
        return f"projects/{self.project}/subscriptions/{name}"

    @property
    def dataset(self) -> str:
        """The dataset as SQL and google-cloud-bigquery write it: `project.dataset`."""
        return f"{self.project}.{DATASET}"

    def variables(self) -> dict[str, str]:
        """Return the environment variables that name the resources, addresses not included."""
        return {
            "GOOGLE_CLOUD_PROJECT": self.project,
            "INPUT_TOPIC": self.topic(EVENTS_TOPIC),
            "INPUT_SUBSCRIPTION": self.subscription(EVENTS_SUBSCRIPTION),
            "DLQ_TOPIC": self.topic(DLQ_TOPIC),
            "DLQ_SUBSCRIPTION": self.subscription(DLQ_SUBSCRIPTION),
            "ALERTS_TOPIC": self.topic(ALERTS_TOPIC),
            "OUTPUT_BUCKET": f"gs://{BUCKET}",
            "BQ_DATASET": f"{self.project}:{DATASET}",
        }


def pipeline_flags(environment: Mapping[str, str]) -> list[str]:
    """Return the pipeline's flags for the resources of a stack, from the stack's variables."""
    return [
        f"--input_subscription={environment['INPUT_SUBSCRIPTION']}",
        f"--output_bucket={environment['OUTPUT_BUCKET']}",
        f"--bq_dataset={environment['BQ_DATASET']}",
        f"--dlq_topic={environment['DLQ_TOPIC']}",
        f"--alerts_topic={environment['ALERTS_TOPIC']}",
    ]
