"""The pipeline's flags, as a table: what each says, its default, and what it must at least be."""

from __future__ import annotations

import re
from argparse import ArgumentParser

from pipeline.bigquery_client import DATASET
from pipeline.command_flags import Flag, declare, truth

_PROJECT = r"projects/[a-z][-a-z0-9:.]{4,61}[a-z0-9]"
_NAME = r"[A-Za-z][\w.~+%-]{2,254}"
_TOPIC = re.compile(rf"none|{_PROJECT}/topics/{_NAME}", re.ASCII)
_TOPIC_EXAMPLE = "projects/PROJECT/topics/NAME, or none"

FLAGS: dict[str, tuple[Flag, ...]] = {
    "where events come from and go to": (
        Flag(
            "input_subscription",
            "Subscription to read.",
            form=re.compile(rf"{_PROJECT}/subscriptions/{_NAME}", re.ASCII),
            example="projects/PROJECT/subscriptions/NAME",
            required=True,
            only="streaming",
        ),
        Flag("is_backfill", "Read files instead of a subscription, and end.", default=False, type=truth),
        Flag(
            "input_path",
            "Files of a backfill, a glob: events or archived envelopes, a line each, plain or .gz, or .avro.",
            form=re.compile(r".+"),
            example="gs://BUCKET/raw/**.jsonl.gz or a local glob",
            required=True,
            only="backfill",
            also="s3_path",
        ),
        Flag(
            "reload",
            "Load files again whose content is in _load_metadata; without the flag they are skipped.",
            default=False,
            type=truth,
            only="backfill",
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
            "Dataset that holds the tables; none: events go to the lake alone, the other tables' rows to "
            "files under tables/ in it.",
            form=re.compile(f"none|{DATASET.pattern}", re.ASCII),
            example="PROJECT:DATASET, or none",
            required=True,
        ),
        Flag(
            "dlq_topic",
            "Topic of the dead letters, or none for the table alone; "
            "without the flag, events-dlq in the subscription's or, in a backfill, the dataset's project.",
            form=_TOPIC,
            example=_TOPIC_EXAMPLE,
        ),
        Flag(
            "alerts_topic",
            "Topic of the alerts, or none for the table alone; "
            "without the flag, order-alerts in the subscription's or, in a backfill, the dataset's project.",
            form=_TOPIC,
            example=_TOPIC_EXAMPLE,
        ),
        Flag(
            "send_alerts",
            "Publish the alerts of a backfill too; they are about old windows, and recorded either way.",
            default=False,
            type=truth,
            only="backfill",
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
        Flag("bigquery_max_retry_seconds", "How long a request is repeated at most.", 120.0, float, 0),
        Flag(
            "on_sink_outage",
            "Whether events wait while BigQuery is away.",
            "wait",
            choices=("wait", "dead_letter"),
        ),
        Flag("outage_retry_seconds", "Wait before the first of three repeats.", 1.0, float, 0.01, 60),
        Flag(
            "outage_pause_seconds", "How long nothing is sent to a table that fails.", 30.0, float, 0.1, 3_600
        ),
    ),
    "anomalies": (
        Flag(
            "anomaly_threshold",
            "Distance from the expected, in robust standard deviations, from which a window is an anomaly.",
            5.5,
            float,
            0.1,
        ),
        Flag(
            "anomaly_min_change_share",
            "Share of the expected by which a window must differ at least to be an anomaly.",
            0.2,
            float,
            0,
            1,
        ),
        Flag(
            "anomaly_min_orders", "Orders that must be expected of a window for it to be judged.", 20, int, 1
        ),
        Flag("anomaly_warmup_windows", "Windows learnt before the first is judged.", 12, int, 2),
        Flag(
            "alert_cooldown_windows", "Windows in a row as expected before an alert is resolved.", 3, int, 1
        ),
        Flag(
            "promotions_path",
            "Calendar of promotions, during which more orders are no anomaly: a JSON array of "
            '{"start", "end", "factor"}.',
            form=re.compile(r".+"),
            example="gs://BUCKET/promotions.json",
        ),
        Flag(
            "unusual_order_factor",
            "An order is unusual beyond so many times what 999 of 1,000 orders of its category come to.",
            3.0,
            float,
            1,
        ),
        Flag(
            "stock_min_products", "Products of a warehouse that must run out at once for an alert.", 3, int, 1
        ),
        Flag("min_validity_rate", "Share of messages that must not be rejected.", 0.9, float, 0, 1),
        Flag("min_validity_messages", "Messages a window needs for its validity to be judged.", 50, int, 1),
        Flag(
            "max_latency_ms",
            "Publish to processed that 19 of 20 messages of a window must keep, in ms.",
            60_000.0,
            float,
            1,
            only="streaming",
        ),
    ),
    "reading on one machine": (
        Flag(
            "pubsub_read",
            "live acknowledges after the sinks have written; stock is Beam's own read, slow on one machine. "
            "Without the flag, live if there is no --runner.",
            choices=("live", "stock"),
        ),
        Flag(
            "max_in_flight",
            "Messages pulled and not yet acknowledged, at most: more than come in lake_window_seconds.",
            200_000,
            int,
            1,
        ),
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
            declare(group, flag)
