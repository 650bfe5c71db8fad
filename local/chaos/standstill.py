"""A process group stopped for a while: it goes on even if whoever stopped it is killed meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import StackError

_STOP_AND_GO = 'kill -s STOP -- "-$1" && echo stopped; read -r _; kill -s CONT -- "-$1"'
"""A shell's script. However its parent ends, the pipe to it closes, and what it has stopped goes on."""


@contextmanager
def standing_still(group: int) -> Iterator[None]:
    """Keep the process group `group` stopped while the context lasts. Raises: StackError."""
    with subprocess.Popen(
        ["/bin/sh", "-c", _STOP_AND_GO, "sh", str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as keeper:
        assert keeper.stdout is not None
        if not keeper.stdout.readline():
            raise StackError(f"The process group {group} cannot be stopped.")
        yield


def is_stopped(pid: int) -> bool:
    """Whether the process is stopped by a signal. Raises OSError if there is none."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
