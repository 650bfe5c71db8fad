"""From the command line to checked settings, before anything starts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.bigquery_client import DATASET
from pipeline.clock import now_us
from pipeline.command_flags import Flag, read_flags, truth
from pipeline.contract import load_contract
from pipeline.errors import UsageError
from pipeline.files import InputFile, find_files
from pipeline.reconcile.ledger import LONGEST_WINDOW_SECONDS
from pipeline.reconcile.manifest import Manifest, read_manifest
from pipeline.rfc3339 import parse_rfc3339_us
from pipeline.transforms.parsing import ParseSettings

FINISHED = "finished"
"""The --until that is the end of the newest window which the ledger has finished."""
_TIME = "2026-03-02 or 2026-03-02T10:04:11Z"

FLAGS = (
    Flag("bq_dataset", "Dataset with the tables of the pipeline.", form=re.compile(DATASET.pattern, re.ASCII),
         example="PROJECT:DATASET", required=True),
    Flag("since", "Published then or later: a date or an RFC 3339 time. Without the flag, when the "
         "generator of --manifest began.", example=_TIME),
    Flag("until", "Published before: a date, an RFC 3339 time, or finished: the end of the newest window "
         "that the ledger has finished. Without the flag, now.", example=f"{_TIME} or {FINISHED}"),
    Flag("input_path", "Files with what was published, a glob: the raw archive, plain, .gz or .avro.",
         form=re.compile(r".+"), example="gs://BUCKET/raw/**.avro or a local glob"),
    Flag("manifest", "Manifest of the generator that published, and nobody else did."),
    Flag("run_id", "Take the ledger of this run alone.", form=re.compile(r".+"), example="the job's run_id"),
    Flag("quality_window_seconds", "Windows that are compared: a multiple of the ledger's. Without the flag, "
         "the ledger's own.", type=int, least=1, most=LONGEST_WINDOW_SECONDS),
    Flag("unknown_fields", "As the pipeline ran, to tell which messages of the files keep the contract.",
         "reject", choices=("reject", "drop")),
    Flag("max_future_seconds", "As the pipeline ran, likewise.", 300, int, 0),
    Flag("schemas_path", "Another contract than the package's own schemas.json."),
    Flag("json", "Print one JSON object.", default=False, type=truth),
)  # fmt: skip


class ReconcileJob(NamedTuple):
    """A checked command line."""

    dataset: str
    since_us: int
    until_us: int
    """Now, for --until=finished."""
    until_finished: bool
    files: tuple[InputFile, ...] | None
    manifest: Manifest | None
    run_id: str | None
    window_seconds: int | None
    parse: ParseSettings
    json: bool


def parse_reconcile(argv: Sequence[str]) -> ReconcileJob:
    """Read and check the command line, the manifest, the files and the contract.

    Raises UsageError with one sentence for anything that is wrong, ContractFileError for a wrong
    schemas.json; prints the help and raises SystemExit for --help.
    """
    given = read_flags(
        FLAGS,
        argv,
        command="pipeline.reconcile",
        noun="the reconciliation",
        description="Compares what was published, the ledger and the tables, and names every gap.",
        epilog="Exit code: 0 if all agree, 1 for a gap or a failure on the way, 2 for a wrong flag.",
    )
    load_contract(given["schemas_path"])
    manifest = None if given["manifest"] is None else read_manifest(given["manifest"])
    since_us = _time_us("since", given["since"])
    if since_us is None and manifest is None:
        raise UsageError(f"--since is missing: name {_TIME}, or a --manifest.")
    now, until_finished = now_us(), given["until"] == FINISHED
    until_us = None if until_finished else _time_us("until", given["until"])
    begin_us = since_us if since_us is not None or manifest is None else manifest.start_us
    job = ReconcileJob(
        given["bq_dataset"],
        begin_us or 0,
        now if until_us is None else until_us,
        until_finished,
        None if given["input_path"] is None else find_files(given["input_path"]),
        manifest,
        given["run_id"],
        given["quality_window_seconds"],
        ParseSettings(given["schemas_path"], given["unknown_fields"], given["max_future_seconds"]),
        given["json"],
    )
    if job.since_us >= job.until_us:
        before = "now" if given["until"] in (None, FINISHED) else f"--until={given['until']}"
        raise UsageError(f"--since={given['since']} is not before {before}: there is nothing between them.")
    return job


def _time_us(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_rfc3339_us(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except ValueError as error:
        raise UsageError(f"--{name}={text} {error}: give {_TIME}.") from error
