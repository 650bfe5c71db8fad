"""What the steps of pipeline/migrations.py ask of the earlier versions that `schemas.json` declares."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pipeline.contract_rules import Place
from pipeline.migrations import STEPS, migrate

if TYPE_CHECKING:
    from pipeline.contract import Column, Table

_Path = tuple[str, ...]
_NUMBERS = ("INTEGER", "FLOAT", "BOOLEAN")


def check_lifting(place: Place, table: Table) -> None:
    """Refuse an earlier version of `table` that no step lifts, or that hides less than the columns of now.

    `place`: where the earlier versions are declared. Raises ContractFileError.
    """
    for earlier in table.earlier_versions:
        number = earlier.schema_version or 0
        if (table.event_type, number) not in STEPS:
            raise place.child(str(number)).error(
                f"no step lifts {table.event_type} from version {number} to {number + 1}; "
                "write it in pipeline/migrations.py"
            )
    personal = {path for path, column in _values(table.columns) if column.pii}
    for earlier in table.earlier_versions:
        for path, column, now in _lifted(earlier, len(table.earlier_versions) + 1):
            if now in personal and not column.pii:
                raise place.child(f"{earlier.schema_version}.columns").error(
                    f'"{".".join(path)}" becomes {".".join(now)}, which has "pii"; mark it, too'
                )


def _lifted(earlier: Table, to_version: int) -> Iterator[tuple[_Path, Column, _Path]]:
    """(path, column, path in `to_version`) of all columns that hold values, as the steps move them."""
    sent: dict[Any, tuple[_Path, Column]] = {}
    event = _filled(earlier.columns, (), sent, itertools.count(1))
    lifted = migrate(earlier.event_type or "", event, earlier.schema_version or 0, to_version)
    for now, value in _found(lifted, ()):
        if value in sent:
            yield *sent[value], now


def _filled(
    columns: Iterable[Column], outer: _Path, sent: dict[Any, tuple[_Path, Column]], numbers: Iterator[int]
) -> dict[str, Any]:
    """Return an event with another value in each column, and note in `sent` which is whose."""
    event: dict[str, Any] = {}
    for column in columns:
        path = (*outer, column.name)
        if column.type == "RECORD":
            value: Any = _filled(column.fields, path, sent, numbers)
        else:
            number = next(numbers)
            value = number if column.type in _NUMBERS else f"value {number}"
            sent[value] = path, column
        event[column.name] = [value] if column.mode == "REPEATED" else value
    return event


def _found(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _found(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _found(inner, path)
    else:
        yield path, value


def _values(columns: Iterable[Column], outer: _Path = ()) -> Iterator[tuple[_Path, Column]]:
    for column in columns:
        path = (*outer, column.name)
        if column.type == "RECORD":
            yield from _values(column.fields, path)
        else:
            yield path, column
