"""Publish dead letters again: `python -m pipeline.replay --from=table --bq_dataset=… --topic=…`."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import closing

from pipeline.bigquery_rows import InsertSettings
from pipeline.commands import exit_code, log_to_stderr, on_signal
from pipeline.errors import PipelineError
from pipeline.replay.from_subscription import SubscriptionSource
from pipeline.replay.from_table import TableSource
from pipeline.replay.options import ReplayJob, parse_replay
from pipeline.replay.outcome import Outcome, follow
from pipeline.replay.report import Groups, Progress, outcome_lines, tally_lines
from pipeline.replay.run import Run, Tally
from pipeline.replay.send import Sender
from pipeline.replay.warehouse import Warehouse


def main(argv: Sequence[str] | None = None) -> int:
    """Replay until there is nothing left or a signal asks to stop.

    Returns 0, also when stopped; 2 for a wrong flag, rule, contract, subscription, topic or dataset; 1 for
    a failure on the way.
    """
    log_to_stderr(logging.WARNING)
    return exit_code(lambda: replay(parse_replay(sys.argv[1:] if argv is None else argv)))


def replay(job: ReplayJob) -> int:
    """Do what the command line says, until done or stopped by a signal; raises what Run.go raises."""
    stop = threading.Event()

    def say_and_stop(name: signal.Signals) -> None:
        """Stop once all that is out is recorded."""
        stop.set()
        print(f"{name.name}: stopping; once more to leave at once", file=sys.stderr, flush=True)

    with on_signal(say_and_stop):
        warehouse = Warehouse(job.dataset, InsertSettings())
        tally = _publish(job, warehouse, stop)
        if stop.is_set():
            print("stopped: run it again to go on; what was replayed is recorded and not replayed again")
        if tally.published and not job.settings.dry_run:
            print(f"replay_id {job.settings.replay_id}; what became of them:", flush=True)
            print("\n".join(outcome_lines(_outcome(job, warehouse, stop))), flush=True)
    return 0


def _publish(job: ReplayJob, warehouse: Warehouse, stop: threading.Event) -> Tally:
    """Read and publish, and say what was done, also if it fails on the way."""
    settings, progress, groups = job.settings, Progress(sys.stderr), Groups(job.show_payloads)
    source: TableSource | SubscriptionSource
    if job.reads == "table":
        source = TableSource(warehouse, settings.filters, stop.is_set)
    else:
        source = SubscriptionSource(job.subscription, job.idle_seconds, stop.is_set)
    warehouse.check(source.tables)
    run = Run(source, warehouse, None if settings.dry_run else Sender(job.topic), settings, stop.is_set)
    tally = run.tally
    try:
        with closing(source):
            run.go(
                groups.add if settings.dry_run else lambda _: None,
                lambda: progress.show(f"{tally.read:,} dead letters read, {tally.published:,} published"),
            )
    except PipelineError:
        progress.clear()
        if tally.published:
            print("\n".join(tally_lines(tally, settings.dry_run, 0)), flush=True)
        raise
    progress.clear()
    foreign = source.foreign if isinstance(source, SubscriptionSource) else 0
    print("\n".join([*groups.lines(), *tally_lines(tally, settings.dry_run, foreign)]), flush=True)
    return tally


def _outcome(job: ReplayJob, warehouse: Warehouse, stop: threading.Event) -> Outcome:
    """Look for what became of the messages; a run that was stopped looks once."""
    progress = Progress(sys.stderr)
    outcome = follow(
        warehouse,
        job.contract,
        job.settings.replay_id,
        0.0 if stop.is_set() else job.wait_seconds,
        stop.is_set,
        lambda seen: progress.show(f"{seen.unseen:,} not yet seen"),
    )
    progress.clear()
    return outcome


if __name__ == "__main__":
    sys.exit(main())
