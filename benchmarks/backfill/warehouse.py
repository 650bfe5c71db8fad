"""The backfill into the BigQuery emulator: rows/s, and who of the two has the CPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from benchmarks.backfill.inputs import InputSet
from benchmarks.backfill.processes import Took, run_program
from benchmarks.backfill.sides import TWO_WORKERS, pipeline_command
from local.resources import bigquery_client
from local.stack import Stack
from pipeline.contract import load_contract


class WarehouseRun(NamedTuple):
    """What one backfill into the emulator took."""

    workers: int
    rows: int
    """Rows in the event tables and in dead_letters afterwards."""
    took: Took
    emulator_cpu_seconds: float

    @property
    def rows_per_second(self) -> float:
        """Start-up of the pipeline included."""
        return self.rows / self.took.seconds

    @property
    def share(self) -> float:
        """Of all CPU time, the pipeline's."""
        return self.took.cpu_seconds / (self.took.cpu_seconds + self.emulator_cpu_seconds)


def run_warehouse(inputs: InputSet, folder: Path, workers: int) -> WarehouseRun:
    """Load all of `inputs` into a fresh emulator; the lake is a local folder. Raises ProgramFailed."""
    with Stack(folder / "state", parts=("bigquery",), fresh=True) as stack:
        environment = stack.environment
        emulator = stack.service("bigquery")
        flags = TWO_WORKERS if workers == 2 else ()
        command = pipeline_command(inputs.pattern, folder / "lake", *flags, dataset=environment["BQ_DATASET"])
        before = _cpu_seconds(emulator.pid)
        took = run_program(command, folder / "pipeline.log", environment)
        emulator_cpu = _cpu_seconds(emulator.pid) - before
        return WarehouseRun(workers, _row_count(stack), took, emulator_cpu)


def _row_count(stack: Stack) -> int:
    contract = load_contract()
    tables = [contract.table_of(kind).name for kind in contract.event_types] + ["dead_letters"]
    counts = " UNION ALL ".join(f"SELECT COUNT(*) AS n FROM {name}" for name in tables)
    client = bigquery_client(stack.service("bigquery").address, stack.environment["GOOGLE_CLOUD_PROJECT"])
    (row,) = client.query(f"SELECT SUM(n) AS n FROM ({counts})", job_retry=None).result(job_retry=None)
    return int(row["n"])


def _cpu_seconds(pid: int | None) -> float:
    """User and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
