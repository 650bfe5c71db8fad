"""What all ways of running have in common."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import orjson
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.runners.runner import PipelineResult

from pipeline.errors import UsageError
from pipeline.live.reflection import remember_signatures
from pipeline.options import ONE_MACHINE, Job


def make_pipeline(job: Job) -> beam.Pipeline:
    """An empty pipeline with the job's runner.

    Raises UsageError if the runner does not accept its flags.
    """
    options = PipelineOptions(job.beam_args)
    options.view_as(StandardOptions).streaming = job.reads != "files"
    if job.runner == ONE_MACHINE:
        # The cache of states would weigh whatever is put there, at milliseconds each; here the state is in
        # memory anyway. The flag is for worker processes, the constant for this one.
        options.view_as(WorkerOptions).max_cache_memory_usage_mb = 0
        worker_handlers.STATE_CACHE_SIZE_MB = 0
        remember_signatures()
        runner = FnApiRunner() if job.reads == "files" else BundleBasedDirectRunner()
        return beam.Pipeline(runner=runner, options=options)
    try:
        return beam.Pipeline(options=options)
    except ValueError as error:
        raise UsageError(f"{job.runner} does not accept its flags: {' '.join(str(error).split())}") from error


def counters_of(result: PipelineResult) -> dict[str, int]:
    """Beam's counters as `namespace.name`, added up over the steps."""
    counters: dict[str, int] = {}
    for counter in result.metrics().query()["counters"]:
        name = f"{counter.key.metric.namespace}.{counter.key.metric.name}"
        counters[name] = counters.get(name, 0) + counter.committed
    return counters


def write_stats(job: Job, stats: dict[str, Any]) -> None:
    """Write the run's figures to `--stats_path`, if that is given."""
    if job.live.stats_path is not None:
        with open(job.live.stats_path, "wb") as stats_file:
            stats_file.write(orjson.dumps(stats, option=orjson.OPT_INDENT_2))
