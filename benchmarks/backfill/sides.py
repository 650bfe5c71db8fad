"""The sides that are compared, as commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
INSTALL_PYSPARK = "uv pip install --target FOLDER -r requirements/pyspark.txt"

PIPELINE_2 = "pipeline, 2 workers"
PIPELINE_1 = "pipeline, 1 worker"
DISTANT = "2 workers, distant objects"
LOOP = "plain loop"
DUCKDB = "DuckDB, 2 threads"
SPARK_COLUMNS = "PySpark local[2], from_json"
SPARK_ARROW = "PySpark local[2], mapInArrow"


class Side(NamedTuple):
    """One way to do the work."""

    name: str
    command: Callable[[str, Path], list[str]]
    """(glob of input files, output folder) -> command."""
    environment: Mapping[str, str] = {}


def pipeline_command(pattern: str, output: Path | str, *flags: str, dataset: str = "none") -> list[str]:
    """The backfill as a user starts it."""
    return [
        *(sys.executable, "-m", "pipeline.main", "--is_backfill"),
        f"--input_path={pattern}",
        f"--output_bucket={output}",
        f"--bq_dataset={dataset}",
        *("--dlq_topic=none", "--alerts_topic=none"),
        *flags,
    ]


TWO_WORKERS = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")


def all_sides(pyspark: Path | None) -> list[Side]:
    """Every side; PySpark's only if there is a folder with it, or "" for the one that Python finds."""
    sides = [
        Side(LOOP, _peer("plain_loop")),
        Side(PIPELINE_2, lambda pattern, output: pipeline_command(pattern, output, *TWO_WORKERS)),
        Side(PIPELINE_1, pipeline_command),
        Side(DUCKDB, _peer("duckdb_script")),
    ]
    if pyspark is not None:
        environment = {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(pyspark.resolve())]),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_HOSTNAME": "localhost",
        }
        sides.append(Side(SPARK_COLUMNS, _peer("spark_columns"), environment))
        sides.append(Side(SPARK_ARROW, _peer("spark_arrow"), environment))
    return sides


def distant_objects() -> Side:
    """The pipeline on two workers, writing objects that take a tenth of a second more each."""

    def command(pattern: str, output: Path) -> list[str]:
        given = pipeline_command(pattern, output, *TWO_WORKERS)
        return [*given[:2], "benchmarks.backfill.distant", *given[3:]]

    return Side(DISTANT, command)


def no_pyspark(folder: Path | None) -> str | None:
    """Why PySpark cannot take part, in one sentence, or None if it can."""
    if folder is None:
        return f"PySpark is left out: {INSTALL_PYSPARK}, and add --pyspark FOLDER."
    if not (folder / "pyspark").is_dir():
        return f"PySpark is left out: {folder} holds no pyspark; {INSTALL_PYSPARK} puts it there."
    java = shutil.which("java")
    if java is None or subprocess.run([java, "-version"], capture_output=True).returncode != 0:
        return "PySpark is left out: it needs a Java runtime, 17 or newer, on the PATH."
    return None


def _peer(module: str) -> Callable[[str, Path], list[str]]:
    def command(pattern: str, output: Path) -> list[str]:
        name = f"benchmarks.backfill.peers.{module}"
        return [sys.executable, "-m", name, f"--input={pattern}", f"--output={output}"]

    return command
