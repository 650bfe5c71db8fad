"""The flags, as a table: what each says, its default, and what it must at least be."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from typing import Any, NamedTuple


class Flag(NamedTuple):
    """One flag; its unit is the end of its name."""

    name: str
    help: str
    default: Any = None
    type: Any = str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] | None = None
    form: re.Pattern[str] | None = None
    example: str = ""
    """What a value looks like, for the message about one that does not."""
    required: bool = False


_TOPIC = re.compile(r"none|projects/[^/]+/topics/[^/]+")
_TOPIC_EXAMPLE = "projects/PROJECT/topics/NAME, or none"

FLAGS: dict[str, tuple[Flag, ...]] = {
    "where events come from and go to": (
        Flag(
            "input_subscription",
            "Subscription to read.",
            form=re.compile(r"projects/[^/]+/subscriptions/[^/]+"),
            example="projects/PROJECT/subscriptions/NAME",
            required=True,
        ),
        Flag(
            "output_bucket",
            "Root of the lake: a bucket, or a folder of this machine.",
            form=re.compile(r"gs://[a-z0-9][a-z0-9._-]+[a-z0-9](/.*)?|(?!\w+:/).+"),
            example="gs://BUCKET or a local folder",
            required=True,
        ),
        Flag(
            "bq_dataset",
            "Dataset that holds the tables.",
            form=re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]*[:.]\w+"),
            example="PROJECT:DATASET",
            required=True,
        ),
        Flag(
            "dlq_topic",
            "Topic of the dead letters, or none for the table alone; "
            "without the flag, events-dlq in the subscription's project.",
            form=_TOPIC,
            example=_TOPIC_EXAMPLE,
        ),
        Flag(
            "alerts_topic",
            "Topic of the alerts, or none for the table alone; "
            "without the flag, order-alerts in the subscription's project.",
            form=_TOPIC,
            example=_TOPIC_EXAMPLE,
        ),
        Flag(
            "run_id",
            "Name of this run in the derived tables; without the flag, its start and four random digits.",
            form=re.compile(r"[\w.:-]{1,100}"),
            example="a name of up to 100 letters, digits and .:_-",
        ),
    ),
    "the contract": (
        Flag("schemas_path", "Another schemas.json than the one that is built in."),
        Flag(
            "unknown_fields",
            "What becomes of a field the contract does not declare.",
            default="reject",
            choices=("reject", "drop"),
        ),
        Flag("max_future_seconds", "How far an event time may be ahead of its publish time.", 300, int, 0),
        Flag("late_after_seconds", "From which age, when published, an event is_late.", 300, int, 0),
        Flag("dedup_ttl_seconds", "How long an event_id is remembered.", 86_400, int, 1),
        Flag(
            "dedup_buckets",
            "Keys the event_ids are spread over; more allow more workers. "
            "Without the flag, 8 on one machine and 256 elsewhere.",
            type=int,
            least=1,
        ),
    ),
    "windows": (
        Flag(
            "order_window_seconds", "Length of the short order windows; divides an hour.", 300, int, 1, 3_600
        ),
        Flag("quality_window_seconds", "Length of the ledger's windows.", 300, int, 1),
        Flag("pane_seconds", "How often an open window shows what it has.", 60, int, 1),
        Flag("allowed_lateness_seconds", "How long after its end a window takes orders.", 86_400, int, 0),
        Flag(
            "ledger_lateness_seconds",
            "How long the windows of ledger and lake take messages: as long as Pub/Sub keeps them.",
            604_800,
            int,
            0,
        ),
        Flag("lake_window_seconds", "Publish time that goes into one lake file.", 60, int, 1),
        Flag("lake_shards", "Lake files written side by side for an hour of one type.", 1, int, 1, 1_000),
    ),
    "writing to BigQuery": (
        Flag(
            "bigquery_write",
            "The project's own sink, or Beam's WriteToBigQuery.",
            default="insert",
            choices=("insert", "stock"),
        ),
        Flag("bigquery_batch_rows", "Rows in one request.", 500, int, 1, 50_000),
        Flag("bigquery_batch_bytes", "Bytes in one request.", 9_000_000, int, 10_000, 10_000_000),
        Flag("bigquery_timeout_seconds", "How long one request may take.", 30.0, float, 0.1),
        Flag(
            "bigquery_max_retry_seconds",
            "How long a request is repeated before the bundle fails.",
            120.0,
            float,
            0,
        ),
    ),
    "anomalies": (
        Flag("anomaly_threshold", "Robust z-score from which a window is an anomaly.", 5.0, float, 0.1),
        Flag("anomaly_warmup_windows", "Windows learnt before the first is judged.", 12, int, 2),
        Flag("min_validity_rate", "Share of messages that must not be rejected.", 0.9, float, 0, 1),
        Flag("min_validity_messages", "Messages a window needs for its validity to be judged.", 50, int, 1),
    ),
    "reading on one machine": (
        Flag(
            "pubsub_read",
            "live acknowledges after the sinks have written; stock is Beam's own read, slow on one machine. "
            "Without the flag, live if there is no --runner.",
            choices=("live", "stock"),
        ),
        Flag("max_in_flight", "Messages pulled and not yet acknowledged, at most.", 100_000, int, 1),
        Flag(
            "watermark_slack_seconds",
            "How far the watermark stays behind the latest publish times.",
            1.0,
            float,
            0,
        ),
        Flag(
            "stop_when_idle_seconds",
            "Drain and end when no message has come for so long; without the flag, run on.",
            type=float,
            least=0.1,
        ),
        Flag("stats_path", "File for the run's figures as JSON, written when it ends."),
    ),
}


def all_flags() -> list[Flag]:
    """Every flag, in the order of the help."""
    return [flag for group in FLAGS.values() for flag in group]


def add_flags(parser: ArgumentParser) -> None:
    """Declare every flag of the pipeline."""
    for title, flags in FLAGS.items():
        group = parser.add_argument_group(title)
        for flag in flags:
            notes = [f"For example {flag.example}."] if flag.example and flag.default is None else []
            notes += ["Required."] if flag.required else []
            notes += [f"Default: {flag.default}."] if flag.default is not None else []
            group.add_argument(
                f"--{flag.name}",
                type=flag.type,
                default=flag.default,
                choices=flag.choices,
                metavar=None if flag.choices else flag.name.rsplit("_", 1)[-1].upper(),
                help=" ".join([flag.help, *notes]),
            )


def complaint(flag: Flag, value: Any) -> str | None:
    """What is wrong with a value, in a sentence, or None."""
    if value is None:
        return f"--{flag.name} is missing: name {flag.example}." if flag.required else None
    if flag.form is not None and not flag.form.fullmatch(value):
        return f"--{flag.name}={value} does not have the form {flag.example}."
    # "not … <=" also catches what is not a number.
    if flag.least is not None and not flag.least <= value < float("inf"):
        return f"--{flag.name}={value} is too small: it must be {flag.least:g} or more."
    if flag.most is not None and not value <= flag.most:
        return f"--{flag.name}={value} is too large: it must be {flag.most:g} or less."
    return None
