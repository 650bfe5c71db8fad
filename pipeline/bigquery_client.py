"""The connection to BigQuery: names of tables, one client per process, one streaming insert."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Sequence
from typing import Any, cast

import google.auth.credentials
import requests
from google.cloud import bigquery

from pipeline.errors import UsageError

DATASET = re.compile(
    r"(?P<project>(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+:)?[a-z][a-z0-9-]*)[:.](?P<dataset>\w+)", re.ASCII
)
"""`project:dataset` or `project.dataset`; a project may begin with a domain, `example.com:project`."""


def table_id(dataset: str, table: str) -> str:
    """Return `project.dataset.table` for a dataset given as `project:dataset` or `project.dataset`.

    Raises: UsageError if `dataset` has neither form.
    """
    match = DATASET.fullmatch(dataset)
    if match is None:
        raise UsageError(f"The BigQuery dataset {dataset!r} is not of the form project:dataset.")
    return f"{match['project']}.{match['dataset']}.{table}"


def bigquery_client(project: str) -> bigquery.Client:
    """Return this process's client for `project`, which keeps its connections open.

    With BIGQUERY_EMULATOR_HOST set it talks to that address without credentials and asks nobody else.
    """
    return _client(project, os.environ.get("BIGQUERY_EMULATOR_HOST"))


@functools.lru_cache(maxsize=8)
def _client(project: str, emulator: str | None) -> bigquery.Client:
    if emulator is None:
        return bigquery.Client(project=project)
    return bigquery.Client(
        project=project,
        credentials=google.auth.credentials.AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": emulator if "://" in emulator else f"http://{emulator}"},
    )


def insert_all(
    client: bigquery.Client, table: str, encoded_rows: Sequence[bytes], timeout_seconds: float
) -> Sequence[dict[str, Any]]:
    """Send one `tabledata.insertAll` request and return its `insertErrors`, empty if all went well.

    `encoded_rows` are `{"insertId": …, "json": …}` objects as JSON. They are joined, not parsed:
    `Client.insert_rows_json` would decode and encode every row again, at four times the CPU, and
    its `\\uXXXX` escapes would make the request up to three times as large as what was measured.

    `skipInvalidRows` lets the neighbours of an invalid row in with the first request; without it
    BigQuery answers `stopped` for them and they cost a second one.

    Raises: GoogleAPICallError for an HTTP status other than 2xx, and what requests and google-auth
    raise for a connection that fails.
    """
    answer = client._connection.api_request(  # type: ignore[no-untyped-call]
        method="POST",
        path=f"{bigquery.TableReference.from_string(table).path}/insertAll",
        data=b'{"skipInvalidRows":true,"rows":[' + b",".join(encoded_rows) + b"]}",
        content_type="application/json",
        headers={"X-Server-Timeout": str(timeout_seconds)},
        timeout=timeout_seconds,
    )
    if not isinstance(answer, dict):
        # Something between us and BigQuery answered: whether the rows arrived is unknown.
        raise requests.exceptions.ContentDecodingError("The answer to insertAll is not a JSON object.")
    return cast("Sequence[dict[str, Any]]", answer.get("insertErrors", ()))
