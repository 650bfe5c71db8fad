"""The answer to a question on the warehouse, as text."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

FORMATS = ("table", "json", "csv")

_CELL_WIDTH = 60


class Answer(NamedTuple):
    """Columns and rows of a query's result."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def to_text(answer: Answer, output_format: str) -> str:
    """Return the answer as an aligned table, one JSON array or CSV; `output_format` is one of FORMATS."""
    if output_format == "json":
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        return json.dumps(rows, indent=2, ensure_ascii=False, default=_plain)
    if output_format == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([["" if value is None else _cell(value) for value in row] for row in answer.rows])
        return text.getvalue().removesuffix("\n")
    return _table(answer)


def _table(answer: Answer) -> str:
    cells = [[_shortened("NULL" if value is None else _cell(value)) for value in row] for row in answer.rows]
    widths = [max(map(len, column)) for column in zip(answer.columns, *cells, strict=True)]
    numeric = [
        all(isinstance(value, int | float | None) for value in column)
        for column in zip(*answer.rows, strict=True)
    ] or [False] * len(widths)

    def line(row: Sequence[str]) -> str:
        aligned = zip(row, widths, numeric, strict=True)
        return "  ".join(c.rjust(w) if right else c.ljust(w) for c, w, right in aligned).rstrip()

    count = f"({len(answer.rows)} row{'' if len(answer.rows) == 1 else 's'})"
    return "\n".join([line(answer.columns), line(["-" * w for w in widths]), *map(line, cells), count])


def _shortened(cell: str) -> str:
    one_line = cell.replace("\r", " ").replace("\n", " ")
    return one_line if len(one_line) <= _CELL_WIDTH else one_line[: _CELL_WIDTH - 1] + "…"


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | datetime):
        return _plain(value)
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    """Return what JSON has no type for as BigQuery's API writes it: bytes as base64, times in UTC."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
