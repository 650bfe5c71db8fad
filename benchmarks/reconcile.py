"""What a reconciliation costs on this machine: reading files, and comparing their ids with those of rows.

`python -m benchmarks.reconcile [MESSAGES]`: the generator writes the files; rows and dead letters are those
that a pipeline would have written. What BigQuery does is left out. CPU seconds, which other work on the
machine hardly changes, and the most memory that this process has had.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.files import find_files
from pipeline.reconcile.archive import read_published
from pipeline.reconcile.scratch import Message, Scratch
from pipeline.transforms.parsing import ParseSettings, parser_of

WINDOW_SECONDS = 300
FAR_S = 4_000_000_000


def main() -> None:
    """Print a line for each part."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "raw.jsonl.gz"
        flags = ("--to=jsonl", f"--path={path}", f"--events={count}", "--rate=420")
        subprocess.run([sys.executable, "-m", "generator", *flags], check=True, capture_output=True)
        with Scratch(folder, WINDOW_SECONDS, 0, FAR_S) as scratch:
            _say("before", 0.0)
            begun = time.process_time()
            published = 0
            for messages in read_published(find_files(str(path)), parser_of(ParseSettings()), lambda _: None):
                scratch.add_messages(messages)
                _write(scratch, messages)
                published += len(messages)
            read = time.process_time()
            _say(f"{published:,} messages read, {published / (read - begun):,.0f} a CPU second", read - begun)
            archive = scratch.archive()
            missing = sum(each.messages for each in archive.missing.values())
            _say(f"compared, {missing:,} missing", time.process_time() - read)
        size = (folder / "ids.sqlite").stat().st_size
        print(f"{size / published:,.0f} bytes of disk a message")


def _write(scratch: Scratch, messages: list[Message]) -> None:
    for event_type in {each.event_type for each in messages}:
        good = [each for each in messages if each.event_type == event_type and each.event_id is not None]
        scratch.add_rows(event_type, [(each.event_id or "", each.time_us) for each in good])
    refused = [each for each in messages if each.event_id is None]
    scratch.add_letters((each.message_id, each.event_type, "parse", each.time_us) for each in refused)


def _say(what: str, cpu_seconds: float) -> None:
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(f"{cpu_seconds:6.1f} s  {peak_mb:5.0f} MB  {what}", flush=True)


if __name__ == "__main__":
    main()
