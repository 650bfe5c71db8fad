"""Which files a backfill loads: a content that is in `_load_metadata` is not loaded again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import orjson
from apache_beam.io.filesystems import FileSystems
from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

from pipeline.bigquery_client import bigquery_client, table_id
from pipeline.bigquery_faults import QUERY_ERRORS, BigQueryUnavailable
from pipeline.checksums import FileToLoad, take_checksums
from pipeline.errors import UsageError, in_one_line
from pipeline.files import InputFile, at_once, open_file
from pipeline.rows import Run
from pipeline.tables import TABLES_FOLDER, Tables

LOAD_METADATA = "_load_metadata"
RELOAD = "reload"
"""`run_mode` of a backfill that loads a file again: what it counts was counted before."""
FILES_IN_A_QUESTION = 4_000
"""A question to BigQuery, with its parameters, ends at 10 MB; a path has at most 1 kB."""


class EarlierLoad(NamedTuple):
    """What `_load_metadata` says of a file."""

    md5: str
    file_path: str
    run_id: str
    loaded_at: str
    """`YYYY-MM-DDTHH:MM:SSZ`"""


class Plan(NamedTuple):
    """What a backfill loads."""

    files: tuple[FileToLoad, ...]
    remarks: tuple[str, ...]
    """A sentence for each file that is left out, or was loaded before with another content."""
    is_reload: bool
    """Whether these files were loaded before."""

    def mode_of(self, run: Run) -> Run:
        """The run, as `reload` if it loads files again."""
        return run._replace(run_mode=RELOAD) if self.is_reload else run


class Loads(NamedTuple):
    """What is to be recorded of a run."""

    files: tuple[FileToLoad, ...]
    run_id: str
    tables: Tables


def plan_backfill(files: Collection[InputFile], tables: Tables, run_id: str, reload: bool) -> Plan:
    """Look up which of `files` were loaded before.

    Raises UsageError if a file or `_load_metadata` cannot be read, and as plan_loads;
    BigQueryUnavailable.
    """
    with_checksums = take_checksums(files)
    return plan_loads(with_checksums, earlier_loads(tables, with_checksums, run_id), run_id, reload)


def plan_loads(
    files: Iterable[FileToLoad], earlier: Iterable[EarlierLoad], run_id: str, reload: bool
) -> Plan:
    """Leave out each file whose content was loaded before, unless `reload`, or is in this run already.

    Raises UsageError if there is something to load and `run_id` is the name of an earlier run, or if some
    of the files to load were loaded before and some not.
    """
    in_order = sorted(earlier, key=lambda load: load.loaded_at)
    by_content = {load.md5: load for load in in_order}
    by_path = {load.file_path: load for load in in_order}
    chosen: dict[str, FileToLoad] = {}
    remarks: list[str] = []
    for each in files:
        path, before = each.file.path, by_content.get(each.md5)
        if each.md5 in chosen:
            twin = chosen[each.md5].file.path
            remarks.append(f"{path} is skipped: its content is that of {twin}, which this run loads.")
        elif before is not None and not reload:
            name = "" if before.file_path == path else f" as {before.file_path}"
            remarks.append(
                f"{path} is skipped: it was loaded{name} at {before.loaded_at} by run {before.run_id}; "
                "--reload loads it again."
            )
        else:
            chosen[each.md5] = each
            if before is None and path in by_path:
                remarks.append(
                    f"{path} has changed since it was loaded at {by_path[path].loaded_at} by run "
                    f"{by_path[path].run_id}: the metrics count twice what was in it then."
                )
    again = len(chosen.keys() & by_content.keys())
    if chosen and any(load.run_id == run_id for load in in_order):
        raise UsageError(
            f"--run_id={run_id} has loaded files before, and what this run counts would replace what that "
            "one has counted: take another name."
        )
    if 0 < again < len(chosen):
        raise UsageError(
            f"--reload: {len(chosen) - again:,} of {len(chosen):,} files were not loaded before, and the "
            "metrics of a run add up with others only if all its files are new: load those first, without "
            "--reload."
        )
    return Plan(tuple(chosen.values()), tuple(remarks), again > 0)


def earlier_loads(tables: Tables, files: Sequence[FileToLoad], run_id: str) -> list[EarlierLoad]:
    """What is recorded of these contents and paths, and of `run_id`.

    Raises UsageError if `_load_metadata` cannot be read, BigQueryUnavailable.
    """
    if tables.dataset is None:
        md5s, paths = {each.md5 for each in files}, {each.file.path for each in files}
        return [
            load
            for load in _lake_loads(tables.root)
            if load.md5 in md5s or load.file_path in paths or load.run_id == run_id
        ]
    table = table_id(tables.dataset, LOAD_METADATA)
    found: list[EarlierLoad] = []
    try:
        for start in range(0, len(files), FILES_IN_A_QUESTION):
            found += _ask(table, files[start : start + FILES_IN_A_QUESTION], run_id, tables)
    except NotFound as error:
        raise UsageError(
            f"--bq_dataset={tables.dataset} has no table {LOAD_METADATA}: create it from schemas.json."
        ) from error
    except Forbidden as error:
        raise UsageError(f"--bq_dataset: {table} cannot be read: {in_one_line(error)}") from error
    except QUERY_ERRORS as error:
        raise BigQueryUnavailable(f"{table} cannot be read: {in_one_line(error)}") from error
    return found


def _ask(table: str, files: Sequence[FileToLoad], run_id: str, tables: Tables) -> Iterator[EarlierLoad]:
    question = (
        f"SELECT md5, file_path, run_id, loaded_at FROM `{table}` "
        "WHERE md5 IN UNNEST(@md5s) OR file_path IN UNNEST(@paths) OR run_id = @run_id"
    )
    parameters = [
        bigquery.ArrayQueryParameter("md5s", "STRING", [each.md5 for each in files]),
        bigquery.ArrayQueryParameter("paths", "STRING", [each.file.path for each in files]),
        bigquery.ScalarQueryParameter("run_id", "STRING", run_id),
    ]
    patience = tables.insert.max_retry_seconds
    job = bigquery_client(table.rsplit(".", 2)[0]).query(
        question,
        job_config=bigquery.QueryJobConfig(query_parameters=parameters),
        retry=DEFAULT_RETRY.with_timeout(patience),
        job_retry=DEFAULT_JOB_RETRY.with_timeout(patience),
    )
    for row in job.result(retry=DEFAULT_RETRY.with_timeout(patience)):
        yield EarlierLoad(
            row["md5"], row["file_path"], row["run_id"], row["loaded_at"].strftime("%Y-%m-%dT%H:%M:%SZ")
        )


def _lake_loads(root: str) -> Iterator[EarlierLoad]:
    pattern = f"{root}/{TABLES_FOLDER}/{LOAD_METADATA}/*.jsonl"
    try:
        (match,) = FileSystems.match([pattern])
        paths = [each.path for each in match.metadata_list]
        with ThreadPoolExecutor(at_once(paths)) as pool:
            contents = list(pool.map(_read, paths))
    except Exception as error:  # every file system has errors of its own
        raise UsageError(f"--output_bucket: {pattern} cannot be read: {in_one_line(error)}") from error
    for line in b"".join(contents).splitlines():
        row = orjson.loads(line)
        yield EarlierLoad(row["md5"], row["file_path"], row["run_id"], row["loaded_at"][:19] + "Z")


def _read(path: str) -> bytes:
    with open_file(path) as opened:
        return opened.read()
