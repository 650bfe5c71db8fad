"""What worker processes need: imported by the process that they are forked from, and by nothing else."""

import gc
from importlib import import_module

gc.disable()  # nothing that is loaded is garbage
for _module in (
    "apache_beam.runners.worker.sdk_worker_main",
    "pipeline.backfill",
    "pipeline.live.figures",  # a worker reads pipeline.main once more, and this is what that imports
    "pipeline.live.source",
):
    import_module(_module)
gc.freeze()  # a collection would write to each page, and what was written to is there once for each worker
gc.enable()
