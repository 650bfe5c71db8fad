"""What all ways of running have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import apache_beam as beam
import orjson
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.runners.runner import PipelineResult

from pipeline.errors import UsageError
from pipeline.live.reflection import remember_signatures
from pipeline.options import ONE_MACHINE, Job

_View = TypeVar("_View", bound=PipelineOptions)


def make_pipeline(job: Job) -> beam.Pipeline:
    """An empty pipeline with the job's runner.

    Raises UsageError if the runner does not accept its flags.
    """
    options = _Options(job.beam_args)
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


class _Options(PipelineOptions):
    """Makes each view once: Beam asks for one at every step of a graph, and declares its flags each time."""

    def __init__(self, flags: Sequence[str]) -> None:
        super().__init__(flags)
        object.__setattr__(self, "_views", {})

    def view_as(self, cls: type[_View]) -> _View:
        """See PipelineOptions: a view, which holds no value of its own."""
        views: dict[type[PipelineOptions], Any] = object.__getattribute__(self, "_views")
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]  # type: ignore[no-any-return]


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
