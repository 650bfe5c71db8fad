"""One process, one loop, no Beam pipeline: the project's own functions on plain files.

The same reading, checks, lake rows, Parquet files, order metrics and dead-letter rows as the pipeline, by
calling the same functions. An id seen before is a duplicate; all ids are kept in sets, because everything
is in one process. What it does not do: hourly metrics, the ledger, anomalies, the audit trail, a restart
after a crash, more than one core, files elsewhere than on this machine.

Importing those functions imports Beam, 1.4 s that such a loop would not need: the last line it prints
says how long that took.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

# ruff: noqa: E402
import gc
import glob
import os
from collections import defaultdict
from collections.abc import Iterator
from typing import BinaryIO

from benchmarks.backfill.peers.arguments import parse_arguments
from pipeline.arrow_schema import arrow_schema
from pipeline.bigquery_rows import Row
from pipeline.clock import now_us
from pipeline.contract import load_contract
from pipeline.elements import ByteRange, DeadLetter, Event, RawMessage
from pipeline.errors import Rejected
from pipeline.lines import read_messages
from pipeline.objects import write_object
from pipeline.parse import Parser
from pipeline.rfc3339 import format_rfc3339
from pipeline.rows import Run
from pipeline.tables import Tables
from pipeline.transforms.dead_letters import dead_letter_row
from pipeline.transforms.lake_parts import lake_part, parquet_bytes
from pipeline.transforms.order_metrics import OrderTotals, metric_rows, summarize_orders
from pipeline.transforms.windowed_sums import Revision

IMPORTED = time.perf_counter()

CHUNK_BYTES = 500_000
"""More costs time: what lives longer is looked at by the garbage collector more often."""
ROWS_IN_MEMORY = 100_000
WINDOW_SECONDS = 300
LATENESS_SECONDS = 86_400
HOUR_US = 3_600_000_000


class Loop:
    """Everything that outlives a chunk."""

    def __init__(self, output: str) -> None:
        contract = load_contract()
        self.output = output
        self.parser = Parser(contract)
        self.schemas = {name: arrow_schema(contract.table_of(name)) for name in contract.event_types}
        self.tables = Tables(None, output)
        self.seen: dict[str, set[str]] = {name: set() for name in contract.event_types}
        self.events: dict[tuple[str, int], list[Event]] = defaultdict(list)
        """Those not yet in a file, by event type and hour since 1970."""
        self.dead_letters: list[Row] = []
        self.row_count = 0
        self.file_count = 0
        self.totals: dict[tuple[int, str], dict[str, OrderTotals]] = {}

    def take(self, messages: list[RawMessage]) -> None:
        """Do all that can be done with a chunk."""
        parse, processed_at_us = self.parser.parse, now_us()
        events: list[Event] = []
        for message in messages:
            try:
                event = parse(message, processed_at_us)
            except Rejected as fault:
                letter = DeadLetter(
                    message, "parse", fault.reason, fault.errors, fault.event_type, processed_at_us
                )
                self.dead_letters.append(dead_letter_row(letter, None))
                continue
            seen = self.seen[event.event_type]
            if event.event_id in seen:
                continue
            seen.add(event.event_id)
            events.append(event)
            self.events[event.event_type, event.event_time_us // HOUR_US].append(event)
        self._count(events)
        self.row_count += len(events)
        if self.row_count + len(self.dead_letters) >= ROWS_IN_MEMORY:
            self.write_rows()

    def _count(self, events: list[Event]) -> None:
        partials, _ = summarize_orders(events, WINDOW_SECONDS, LATENESS_SECONDS)
        for start_us, dimension, parts in partials:
            totals = self.totals.setdefault((start_us, dimension), {})
            for value, part in parts.items():
                totals.setdefault(value, OrderTotals()).add(part)

    def write_rows(self) -> None:
        """Write the rows in memory, a file per type and hour, and the dead letters."""
        for (event_type, hour), events in self.events.items():
            moment = format_rfc3339(hour * HOUR_US)
            partition = f"event_type={event_type}/date={moment[:10]}/hour={moment[11:13]}"
            name = f"part-{self.file_count:05}.parquet"
            data = parquet_bytes(lake_part(events), self.schemas[event_type])
            write_object(f"{self.output}/processed/{partition}/{name}", data)
            self.file_count += 1
        self.events.clear()
        self.row_count = 0
        if self.dead_letters:
            self.tables.write("dead_letters", self.dead_letters)
            self.dead_letters = []

    def write_metrics(self) -> None:
        """Write the order metrics, a row per window, dimension and value."""
        run, emitted_at_us = Run("plain-loop", "backfill"), now_us()
        rows: list[Row] = []
        for (start_us, dimension), totals in sorted(self.totals.items()):
            end_us = start_us + WINDOW_SECONDS * 1_000_000
            rows += metric_rows(
                Revision(start_us, end_us, dimension, totals, 0, "on_time"), run, emitted_at_us
            )
        if rows:
            self.tables.write("order_metrics", rows)


def run(pattern: str, output: str) -> None:
    """Read all files that match; raises OSError for one that cannot be read."""
    loop = Loop(output)
    for path in sorted(glob.glob(pattern)):
        whole = ByteRange(path, 0, os.path.getsize(path))
        with open(path, "rb") as file:
            for offset, chunk in _chunks(file):
                loop.take(read_messages(whole, chunk, offset))
    loop.write_rows()
    loop.write_metrics()


def _chunks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(offset, whole lines)."""
    offset = 0
    while data := file.read(CHUNK_BYTES):
        data += file.readline()
        yield offset, data
        offset += len(data)


def main() -> None:
    """Run, and say how long the imports took."""
    arguments = parse_arguments(__doc__)
    gc.freeze()  # nothing that is loaded by now is garbage
    run(arguments.input, arguments.output)
    print(f"import_seconds={IMPORTED - STARTED:.3f}")


if __name__ == "__main__":
    main()
