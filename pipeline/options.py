"""From the command line to checked settings, before anything starts."""

from __future__ import annotations

import argparse
import os
import secrets
import time
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.anomalies.promotions import NO_PROMOTIONS, Calendar, read_calendar
from pipeline.anomalies.settings import AnomalySettings
from pipeline.beam_flags import in_processes, runner_of, without_runner
from pipeline.bigquery_client import DATASET
from pipeline.bigquery_rows import InsertSettings
from pipeline.command_flags import complaint
from pipeline.commands import FlagParser
from pipeline.contract import load_contract
from pipeline.errors import UsageError
from pipeline.files import open_file
from pipeline.flags import add_flags, all_flags
from pipeline.graph import GraphSettings
from pipeline.rows import Run
from pipeline.sink_circuit import CircuitSettings
from pipeline.source import DeduplicateSettings
from pipeline.tables import Tables
from pipeline.transforms.alerting import AlertSettings
from pipeline.transforms.dead_letters import DeadLetterSettings
from pipeline.transforms.lake import LakeSettings
from pipeline.transforms.order_metrics import HOUR_SECONDS, SummarizeSettings
from pipeline.transforms.parsing import ParseSettings
from pipeline.transforms.quality import LedgerSettings

ONE_MACHINE = "BundleBasedDirectRunner"
ALONE_FROM_ROWS = 250
"""Rows of one range of a file that make a lake file worth its while. Fewer are put together with others'."""


class LiveSettings(NamedTuple):
    """How the live source reads."""

    max_in_flight: int
    watermark_slack_seconds: float
    stop_when_idle_seconds: float | None
    stats_path: str | None


class Job(NamedTuple):
    """A checked command line."""

    reads: str
    """`live`, `stock` or `files`."""
    input_name: str
    """The subscription, or the glob of a backfill."""
    reload: bool
    """Whether a backfill loads files again that were loaded before."""
    runner: str
    graph: GraphSettings
    live: LiveSettings
    worker_processes: int
    """How many workers are processes of their own, on one machine."""
    beam_args: list[str]
    """The flags that are Beam's."""


def parse_job(argv: Sequence[str]) -> Job:
    """Read and check the command line.

    Raises UsageError with one sentence for anything that is wrong, ContractFileError for a wrong
    schemas.json; prints the help and raises SystemExit for --help.
    """
    parser = FlagParser(
        prog="python -m pipeline.main",
        description="Reads e-commerce events and writes tables, lake, dead letters, metrics and alerts.",
        epilog="Beam's own flags (--runner, --project, --region, …) are passed on.",
        allow_abbrev=False,
    )
    add_flags(parser)
    flags, beam_args = parser.parse_known_args(list(argv))
    runner = runner_of(beam_args, parser)
    _check(flags)
    on_one_machine = runner in ("", ONE_MACHINE, "DirectRunner")
    reads = flags.pubsub_read or ("live" if runner in ("", ONE_MACHINE) else "stock")
    if flags.is_backfill:
        reads = "files"
    if reads == "live" and not on_one_machine:
        raise UsageError(f"--pubsub_read=live reads on one machine only, not with --runner={runner}.")
    worker_processes = 0
    if on_one_machine:
        beam_args = without_runner(beam_args)
        if reads == "files":
            beam_args, worker_processes = in_processes(beam_args)
    buckets = flags.dedup_buckets or (8 if on_one_machine else 256)
    return Job(
        reads,
        flags.input_path if flags.is_backfill else flags.input_subscription,
        flags.reload,
        ONE_MACHINE if on_one_machine else runner,
        graph_settings(flags, buckets),
        LiveSettings(
            flags.max_in_flight,
            flags.watermark_slack_seconds,
            flags.stop_when_idle_seconds,
            flags.stats_path,
        ),
        worker_processes,
        beam_args,
    )


def graph_settings(flags: argparse.Namespace, dedup_buckets: int) -> GraphSettings:
    """The graph's settings from checked flags.

    Raises ContractFileError if schemas.json is wrong, UsageError if the calendar of promotions is.
    """
    contract = load_contract(flags.schemas_path)
    run_id = flags.run_id or f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(2)}"
    run = Run(run_id, "backfill" if flags.is_backfill else "streaming")
    pane_seconds = None if flags.is_backfill else flags.pane_seconds
    root = flags.output_bucket.rstrip("/")
    insert = InsertSettings(
        max_batch_rows=flags.bigquery_batch_rows,
        max_batch_bytes=flags.bigquery_batch_bytes,
        request_timeout_seconds=flags.bigquery_timeout_seconds,
        max_retry_seconds=flags.bigquery_max_retry_seconds,
        on_outage=CircuitSettings(flags.outage_retry_seconds, open_seconds=flags.outage_pause_seconds)
        if flags.on_sink_outage == "dead_letter"
        else None,
    )
    dataset = None if flags.bq_dataset == "none" else flags.bq_dataset
    tables = Tables(dataset, root, insert)
    return GraphSettings(
        run=run,
        tables=tables,
        table_names={kind: contract.table_of(kind).name for kind in contract.event_types},
        bigquery_write=flags.bigquery_write,
        deduplicate=DeduplicateSettings(flags.dedup_ttl_seconds, dedup_buckets),
        parse=ParseSettings(
            flags.schemas_path, flags.unknown_fields, flags.max_future_seconds, flags.late_after_seconds
        ),
        dead_letters=DeadLetterSettings(tables, _topic(flags, "dlq_topic", "events-dlq")),
        lake=LakeSettings(
            root,
            HOUR_SECONDS if flags.is_backfill else flags.lake_window_seconds,
            None if flags.is_backfill else flags.lake_window_seconds,
            flags.ledger_lateness_seconds,
            flags.lake_shards,
            ALONE_FROM_ROWS if flags.is_backfill else None,
            flags.schemas_path,
        ),
        summarize=SummarizeSettings(flags.order_window_seconds, pane_seconds, flags.allowed_lateness_seconds),
        ledger=LedgerSettings(flags.quality_window_seconds, pane_seconds, flags.ledger_lateness_seconds),
        anomalies=AnomalySettings(
            window_seconds=flags.order_window_seconds,
            ledger_window_seconds=flags.quality_window_seconds,
            threshold=flags.anomaly_threshold,
            min_change_share=flags.anomaly_min_change_share,
            min_orders=flags.anomaly_min_orders,
            warmup_windows=flags.anomaly_warmup_windows,
            cooldown_windows=flags.alert_cooldown_windows,
            min_validity_rate=flags.min_validity_rate,
            min_messages=flags.min_validity_messages,
            max_latency_ms=None if flags.is_backfill else flags.max_latency_ms,
            unusual_order_factor=flags.unusual_order_factor,
            stock_min_products=flags.stock_min_products,
            promotions=_calendar(flags.promotions_path),
            all_at_once=flags.is_backfill,
        ),
        alerts=AlertSettings(
            tables,
            None
            if flags.is_backfill and not flags.send_alerts
            else _topic(flags, "alerts_topic", "order-alerts"),
            run,
        ),
    )


def _calendar(path: str | None) -> Calendar:
    if path is None:
        return NO_PROMOTIONS
    try:
        with open_file(path) as file:
            content = file.read()
    except Exception as error:  # a file system of Beam's raises what its client raises
        raise UsageError(
            f"--promotions_path={path} cannot be read: {' '.join(str(error).split())}"
        ) from error
    return read_calendar(content, path)


def _topic(flags: argparse.Namespace, name: str, default_name: str) -> str | None:
    given = getattr(flags, name)
    if given == "none":
        return None
    if given is not None:
        return str(given)
    if flags.is_backfill:
        dataset = DATASET.fullmatch(flags.bq_dataset)
        return None if dataset is None else f"projects/{dataset['project']}/topics/{default_name}"
    return f"projects/{flags.input_subscription.split('/')[1]}/topics/{default_name}"


def _check(flags: argparse.Namespace) -> None:
    if flags.stats_path is not None:
        _check_stats_path(flags.stats_path)
    mode = "backfill" if flags.is_backfill else "streaming"
    for flag in all_flags():
        value, wrong = getattr(flags, flag.name), None
        if flag.only in ("", mode):
            wrong = complaint(flag, value)
        elif value not in (None, flag.default):
            mend = "drop" if flags.is_backfill else "add"
            wrong = f"--{flag.name} means nothing in a {mode} run: {mend} --is_backfill, or the flag."
        if wrong is not None:
            raise UsageError(wrong)
    if HOUR_SECONDS % flags.order_window_seconds:
        raise UsageError(
            f"--order_window_seconds={flags.order_window_seconds} does not divide an hour, and a window must "
            "lie within one: take 60, 300 or 900."
        )
    _check_outage_policy(flags)


def _check_outage_policy(flags: argparse.Namespace) -> None:
    if flags.on_sink_outage == "wait":
        for flag in all_flags():
            if flag.name.startswith("outage_") and getattr(flags, flag.name) != flag.default:
                raise UsageError(
                    f"--{flag.name} means nothing while --on_sink_outage is wait: add "
                    "--on_sink_outage=dead_letter, or drop the flag."
                )
    elif flags.bq_dataset == "none":
        raise UsageError(
            "--on_sink_outage=dead_letter means nothing with --bq_dataset=none: no BigQuery can be away."
        )
    elif flags.bigquery_write == "stock":
        raise UsageError(
            "--on_sink_outage=dead_letter does not go with --bigquery_write=stock, which has its own way "
            "with an outage: take --bigquery_write=insert."
        )


def _check_stats_path(path: str) -> None:
    """It is written when the run ends: too late to learn that it cannot be."""
    if not path or os.path.isdir(path):
        raise UsageError(f"--stats_path={path} is not a file: name one, such as stats.json.")
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise UsageError(f"--stats_path={path} lies in a folder that does not exist: create it.")
