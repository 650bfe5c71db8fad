"""The process that worker processes are forked from; it loads what they need once, for all of them.

Imports nothing that takes long, so that it can be started before all else.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext


def start_if_asked(argv: Sequence[str]) -> None:
    """Start it if these flags seem to ask for worker processes; they are checked elsewhere."""
    numbers = (flag for flag in argv if flag.startswith("--direct_num_workers"))
    if "--is_backfill" in argv and any(not number.endswith("=1") for number in numbers):
        start()


def start() -> ForkServerContext | None:
    """Start it, unless it runs; it takes over the environment as it is, and ends with this process.

    Returns what makes its processes, or None: elsewhere than on Linux not all that is loaded can be forked.
    """
    if sys.platform != "linux":
        return None
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")  # see pipeline.chunk_memory.share_one_heap
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.preloaded"])
    forkserver.ensure_running()
    return context
