"""From the command line to a checked erasure, before anything starts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.bigquery_client import DATASET
from pipeline.command_flags import Flag, read_flags, truth
from pipeline.contract import Contract, load_contract
from pipeline.erase.person import ID_COLUMNS, Person
from pipeline.errors import UsageError

FLAGS = (
    Flag("customer_id", "Remove this customer: rows of every event table with that column.",
         form=re.compile(r"(?s).{1,1000}"), example="1 to 1,000 characters"),
    Flag("user_id", "Remove this user, likewise; one person may have both.",
         form=re.compile(r"(?s).{1,1000}"), example="1 to 1,000 characters"),
    Flag("bq_dataset", "Dataset with the tables of the pipeline; none: there is no warehouse.",
         form=re.compile(f"none|{DATASET.pattern}", re.ASCII), example="PROJECT:DATASET, or none",
         required=True),
    Flag("output_bucket", "Root of the lake: a bucket, or a folder of this machine.",
         form=re.compile(r"gs://[a-z0-9][a-z0-9._-]+[a-z0-9](/.*)?|(?!\w+:/).+"),
         example="gs://BUCKET or a local folder", required=True),
    Flag("plan", "Folder for the statements and the list of objects.", default="erase-plan"),
    Flag("apply", "Carry it out; without the flag nothing is changed.", default=False, type=truth),
    Flag("schemas_path", "Another contract than the package's own schemas.json."),
)  # fmt: skip


class EraseJob(NamedTuple):
    """A checked command line."""

    person: Person
    contract: Contract
    dataset: str | None
    """`project:dataset`; None: there is no warehouse."""
    root: str
    """The lake: `gs://bucket` or a local folder."""
    plan: str
    apply: bool


def parse_erase(argv: Sequence[str]) -> EraseJob:
    """Read and check the command line and the contract.

    Raises UsageError with one sentence for anything that is wrong, ContractFileError for a wrong
    schemas.json; prints the help and raises SystemExit for --help.
    """
    given = read_flags(
        FLAGS,
        argv,
        command="pipeline.erase",
        noun="the erasure",
        description="Removes a person from tables, dead letters and lake; without --apply it only looks.",
    )
    for name, value in given.items():
        if not _is_text(value):
            raise UsageError(f"--{name} is not UTF-8: is the terminal set to another encoding?")
    contract = load_contract(given["schemas_path"])
    return EraseJob(
        _person(given, contract),
        contract,
        None if given["bq_dataset"] == "none" else given["bq_dataset"],
        _root(given["output_bucket"]),
        given["plan"],
        given["apply"],
    )


def _is_text(value: Any) -> bool:
    """Whether a flag can be written down again; bytes that are not UTF-8 arrive as halves of characters."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _root(given: str) -> str:
    # Nothing lies in a folder that is not there, and a person who is nowhere found seems to be gone.
    if not given.startswith("gs://") and not os.path.isdir(given):
        raise UsageError(f"--output_bucket={given} is no folder of this machine; a bucket is gs://BUCKET.")
    return given.rstrip("/")


def _person(given: dict[str, Any], contract: Contract) -> Person:
    ids = {name: given[name] for name in ID_COLUMNS if given[name] is not None}
    if not ids:
        raise UsageError("nobody is named: give --customer_id, --user_id, or both.")
    tables = [contract.table_of(event_type) for event_type in contract.event_types]
    named = {column.name for table in tables for column in table.columns if column.type == "STRING"}
    for name in ids:
        if name not in named:
            raise UsageError(f"--{name} means nothing with this contract: no event table has that column.")
    return Person(ids, contract)
