"""Lets the direct runner count every bundle: without this, its counters hold the first one of each step.

The runner gives each bundle a container of its own for what it counts, but the worker's state, through
which a DoFn finds the container, is made once for each step and keeps that of the step's first bundle.
"""

from __future__ import annotations

import threading
from typing import Any

from apache_beam.metrics.execution import MetricsContainer
from apache_beam.runners.direct import executor


def count_every_bundle() -> None:
    """Let this process give all bundles of a step one container. Does no harm if repeated."""
    executor.MetricsContainer = _container_of


_of_thread = threading.local()


def _container_of(step: str) -> Any:
    """The step's container on this worker, set back to nothing: a bundle's counts are added up elsewhere."""
    containers: dict[str, Any] = _of_thread.__dict__.setdefault("containers", {})
    container = containers.get(step)
    if container is None:
        container = containers[step] = MetricsContainer(step)
    container.reset()
    return container
