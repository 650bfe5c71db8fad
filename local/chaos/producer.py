"""Those who publish while things go wrong: the generator, and producers whose clocks are wrong."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import orjson
from google.pubsub_v1.types import PubsubMessage

from local.child import python_module
from local.errors import StackError

RATE = 60
SECONDS = 11
FLAGS = (
    "--to=pubsub",
    "--malformed_share=0.05",
    "--duplicate_share=0.02",
    "--late_share=0.02",
    "--order_seconds=5",
    f"--rate={RATE}",
    f"--seconds={SECONDS}",
)
"""The last of a flag that is given twice counts."""
_FINISH_SECONDS = 90.0


class Producer:
    """`python -m generator`, publishing."""

    def __init__(self, flags: Sequence[str], environment: Mapping[str, str], log_path: Path) -> None:
        """Describe what to run; its manifest lies beside its log."""
        self._manifest = log_path.with_name("manifest.json")
        self._log_path = log_path
        self._command = python_module("generator", *FLAGS, *flags, f"--manifest={self._manifest}")
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start to publish."""
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,  # held open: see local.tether
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self) -> None:
        """Wait until it has published everything. Raises: StackError."""
        if self._process is None:
            return
        try:
            code = self._process.wait(_FINISH_SECONDS)
        except subprocess.TimeoutExpired:
            raise StackError(f"The generator does not end; see {self._log_path}.") from None
        if code != 0:
            raise StackError(f"The generator ended with exit code {code}; see {self._log_path}.")

    def end(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def published(self) -> int | None:
        """How many messages it says Pub/Sub has taken; None if it did not run."""
        if self._process is None:
            return None
        return int(orjson.loads(self._manifest.read_bytes())["published"])


def drawn_messages(folder: Path, seed: int, count: int, start: str) -> Iterator[PubsubMessage]:
    """What the generator would publish from `start` on, drawn into a file. Raises: StackError."""
    path = folder / "drawn.jsonl"
    flags = (f"--path={path}", f"--seed={seed}", f"--events={count}", f"--start={start}", "--late_share=0")
    done = subprocess.run(
        [sys.executable, "-m", "generator", "--to=jsonl", "--malformed_share=0.05", f"--rate={RATE}", *flags],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StackError(f"The generator draws nothing: {done.stderr.strip()}")
    for line in path.read_bytes().splitlines():
        envelope = orjson.loads(line)
        yield PubsubMessage(data=base64.b64decode(envelope["data"]), attributes=envelope["attributes"])
