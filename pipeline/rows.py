"""Rows of the tables the pipeline fills itself, and the keys that make a repeated write harmless."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from pipeline.bigquery_rows import Row
from pipeline.rfc3339 import MAX_US, MIN_US, format_rfc3339
from pipeline.transforms.windowed_sums import Revision

LARGEST_INTEGER = 2**63 - 1
"""BigQuery's largest INTEGER."""


class Run(NamedTuple):
    """One job, as the derived tables name it."""

    run_id: str
    run_mode: str
    """`streaming`, `backfill` or `reload`."""


def content_id(parts: Iterable[object]) -> str:
    """32 hex digits that are the same for the same parts, in every process."""
    text = "\0".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def row_of(columns: Mapping[str, Any], key: Iterable[object]) -> Row:
    """A row with an insert id that stands for `key`; columns that are None are left out."""
    present = {name: value for name, value in columns.items() if value is not None}
    return Row(content_id(key), orjson.dumps(present))


def time_column(at_us: int) -> str:
    """RFC 3339 text of a time, within what BigQuery's timestamps hold.

    The first window of the year 1 may begin before it, the last one of 9999 ends after it.
    """
    return format_rfc3339(max(MIN_US, min(MAX_US, at_us)))


def revision_columns(revision: Revision, run: Run, emitted_at_us: int) -> dict[str, Any]:
    """The columns every table of revisions has."""
    return {
        "window_start": time_column(revision.window_start_us),
        "window_end": time_column(revision.window_end_us),
        "run_id": run.run_id,
        "run_mode": run.run_mode,
        "pane_index": revision.pane_index,
        "pane_timing": revision.pane_timing,
        "emitted_at": format_rfc3339(emitted_at_us),
    }


def revision_key(revision: Revision, run: Run) -> tuple[object, ...]:
    """What tells one revision of a window from another."""
    return (revision.window_start_us, revision.window_end_us, run.run_id, revision.pane_index)
