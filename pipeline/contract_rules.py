"""What `schemas.json` may say: each rule refuses with one sentence that says where and how to mend it."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline.errors import ContractFileError

if TYPE_CHECKING:
    from pipeline.contract import Column, Table

TYPES = ("STRING", "BYTES", "INTEGER", "FLOAT", "BOOLEAN", "TIMESTAMP", "RECORD")
MODES = ("REQUIRED", "NULLABLE", "REPEATED")
PARTITION_TYPES = ("HOUR", "DAY", "MONTH", "YEAR")
MAX_SCHEMA_VERSION = 10_000
"""The parser keeps the spelling of every version."""
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
FORMATS = ("date", "email", "hostname", "ipv4", "ipv6", "uri")

_ARRAY_WORDS = ("minItems", "maxItems")
_TEXT_WORDS = ("enum", "not", "minLength", "maxLength", "pattern", "format")
_NUMBER_WORDS = ("enum", "not", "minimum", "maximum", "exclusiveMinimum")
WORDS_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "STRING": _TEXT_WORDS,
    "BYTES": (),
    "INTEGER": _NUMBER_WORDS,
    "FLOAT": _NUMBER_WORDS,
    "BOOLEAN": ("enum", "not"),
    "TIMESTAMP": (),
    "RECORD": (),
}
CHECK_WORDS = tuple(dict.fromkeys((*_TEXT_WORDS, *_NUMBER_WORDS, *_ARRAY_WORDS)))

PIPELINE_COLUMNS: Mapping[str, str] = {
    "event_id": "STRING",
    "schema_version": "INTEGER",
    "is_late": "BOOLEAN",
    "publish_time": "TIMESTAMP",
    "processed_at": "TIMESTAMP",
}
"""Columns every event table has and the pipeline sets: name to type, all REQUIRED."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_CLUSTERABLE = ("STRING", "INTEGER", "BOOLEAN", "TIMESTAMP")


class Place:
    """A place in the file, and what may stand there. Every method raises ContractFileError."""

    def __init__(self, file: str, path: str = "") -> None:
        """Start at `path` (dotted) in the file called `file`."""
        self._file = file
        self._path = path

    def child(self, step: str) -> Place:
        """Return the place one step further in."""
        return Place(self._file, f"{self._path}.{step}" if self._path else step)

    def error(self, problem: str) -> ContractFileError:
        """Return the error that says `problem` at this place."""
        return ContractFileError(f"{self._file}: {self._path + ': ' if self._path else ''}{problem}.")

    def refuse(self, what: str, given: Any, known: Iterable[str]) -> NoReturn:
        """Refuse `given`, suggesting the nearest of `known`, or naming them all."""
        known = list(known)
        near = difflib.get_close_matches(str(given), known, n=1, cutoff=0.6)
        hint = f'did you mean "{near[0]}"?' if near else f"use one of {', '.join(known)}."
        raise ContractFileError(str(self.error(f'unknown {what} "{given}"; {hint}')).removesuffix("."))

    def items(self, value: Any) -> Iterable[tuple[str, Any]]:
        """Return the members of an object."""
        if not isinstance(value, dict):
            raise self.error("must be an object")
        return value.items()

    def expect_keys(self, value: Any, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Require an object with all `required` keys and no key beyond `optional`."""
        for key, _ in self.items(value):
            if key not in required and key not in optional:
                self.refuse("key", key, (*required, *optional))
        for key in required:
            if key not in value:
                raise self.error(f'the key "{key}" is missing')

    def expect_list(self, value: Any, *, not_empty: bool = False) -> None:
        """Require a list."""
        if not isinstance(value, list) or (not_empty and not value):
            raise self.error("must be a list" + (" with at least one entry" if not_empty else ""))

    def expect_text(self, value: Mapping[str, Any], key: str) -> str:
        """Require a string with more than white space under `key`, and return it."""
        text = value[key]
        if not isinstance(text, str) or not text.strip():
            raise self.error(f'"{key}" must be a string that says something')
        return text

    def expect_name(self, name: Any) -> str:
        """Require a name that BigQuery takes, and return it."""
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise self.error(f"the name {name!r} must be letters, digits and underscores, no digit first")
        return name


def check_column(place: Place, column: Column) -> None:
    """Refuse types, modes, fields and check words that do not go together."""
    if column.type not in TYPES:
        place.refuse("type", column.type, TYPES)
    if column.mode not in MODES:
        place.refuse("mode", column.mode, MODES)
    if column.set_by not in (None, "pipeline"):
        place.refuse("set_by", column.set_by, ["pipeline"])
    if type(column.pii) is not bool:
        raise place.error(f'"pii" must be true or false, not {column.pii!r}')
    if column.pii and column.set_by is not None:
        raise place.error('a column that the pipeline sets cannot have "pii": messages name its values')
    if column.type == "RECORD" and not column.fields:
        raise place.error('a RECORD needs "fields"')
    if column.type != "RECORD" and column.fields:
        raise place.error(f'only a RECORD has "fields", and this column is of type {column.type}')
    allowed = WORDS_OF_TYPE[column.type] + (_ARRAY_WORDS if column.mode == "REPEATED" else ())
    _check_words(place.child("check"), column.check, column.type, allowed)


def _check_words(place: Place, check: Any, type_: str, allowed: Sequence[str]) -> None:
    for word, value in place.items(check):
        if word not in CHECK_WORDS:
            place.refuse("check word", word, CHECK_WORDS)
        if word not in allowed:
            fitting = f"use one of {', '.join(allowed)}" if allowed else "it takes no check"
            raise place.error(f'"{word}" does not fit this column of type {type_}; {fitting}')
        if word == "not":
            _check_words(place.child("not"), value, type_, WORDS_OF_TYPE[type_])
            if not value:
                raise place.error('"not" must hold at least one check word')
        elif word == "enum":
            if not isinstance(value, list) or not value:
                raise place.error('"enum" must be a list with at least one value')
            for entry in value:
                if not _is_of_type(entry, type_):
                    raise place.error(f'the value {entry!r} in "enum" is not of type {type_}')
        elif word == "pattern":
            _check_pattern(place, value)
        elif word == "format":
            if value not in FORMATS:
                place.refuse("format", value, FORMATS)
        elif word in ("minimum", "maximum", "exclusiveMinimum"):
            if not _is_of_type(value, type_):
                raise place.error(f'"{word}" must be a number of type {type_}, not {value!r}')
        elif type(value) is int and value > INT64_MAX:
            raise place.error(f'"{word}" must fit in 64 bits, and {value} does not')
        elif type(value) is not int or value < 0:
            raise place.error(f'"{word}" must be a whole number from 0 up, not {value!r}')


def _check_pattern(place: Place, pattern: Any) -> None:
    if not isinstance(pattern, str):
        raise place.error(f'"pattern" must be a string, not {pattern!r}')
    try:
        re.compile(pattern)
    except re.error as error:
        raise place.error(f'"pattern" is not a regular expression: {error}') from error


def _is_of_type(value: Any, type_: str) -> bool:
    if type(value) is int and not INT64_MIN <= value <= INT64_MAX:
        return False  # no column holds it, and no JSON Schema could be written with it
    if type_ == "FLOAT":
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is {"STRING": str, "INTEGER": int, "BOOLEAN": bool}[type_]


def check_table(place: Place, table: Table) -> None:
    """Refuse partitions, clusters and event keys that the columns do not bear out."""
    columns = {column.name: column for column in table.columns}
    if table.partition is not None:
        here = place.child("partition")
        if table.partition.type not in PARTITION_TYPES:
            here.refuse("partition type", table.partition.type, PARTITION_TYPES)
        _expect_column(here, columns, table.partition.field, ("TIMESTAMP",))
    if len(table.clustering) > 4:
        raise place.child("clustering").error("BigQuery clusters by four columns at most")
    for name in table.clustering:
        _expect_column(place.child("clustering"), columns, name, _CLUSTERABLE)
    if not all(value is None for value in (table.event_type, table.schema_version, table.event_time)):
        _check_event_table(place, table, columns)


def _expect_column(place: Place, columns: Mapping[str, Column], name: Any, types: Sequence[str]) -> Column:
    if not isinstance(name, str) or name not in columns:
        place.refuse("column", name, columns)
    column = columns[name]
    if column.type not in types or column.mode == "REPEATED":
        kind = f"{column.mode} {column.type}"
        raise place.error(f'the column "{name}" must be a single {" or ".join(types)}, and it is {kind}')
    return column


def _check_event_table(place: Place, table: Table, columns: Mapping[str, Column]) -> None:
    if not isinstance(table.event_type, str) or not 1 <= len(table.event_type) <= 128:
        raise place.error('an event table needs "event_type", a string of 1 to 128 characters')
    if type(table.schema_version) is not int or table.schema_version < 1:
        raise place.error('an event table needs "schema_version", a whole number from 1 up')
    if table.schema_version > MAX_SCHEMA_VERSION:
        raise place.error(f'"schema_version" must be at most {MAX_SCHEMA_VERSION:,}')
    _check_event_time(place, table, columns)
    if "event_type" in columns:
        raise place.error('an event table has no column "event_type": it is taken out of the message')
    for column in _with_fields(table.columns):
        if column.set_by is not None and columns.get(column.name) is not column:
            raise place.error(f'the field "{column.name}" of a RECORD cannot have "set_by"')
        if column.set_by is not None and column.name not in PIPELINE_COLUMNS:
            raise place.error(f'the pipeline does not set the column "{column.name}"; remove "set_by"')
    for name, type_ in PIPELINE_COLUMNS.items():
        own = columns.get(name)
        if own is None or (own.type, own.mode, own.set_by) != (type_, "REQUIRED", "pipeline"):
            raise place.error(
                f'an event table needs the column "{name}": type {type_}, mode REQUIRED, set_by pipeline'
            )


def _check_event_time(place: Place, table: Table, columns: Mapping[str, Column]) -> None:
    if not isinstance(table.event_time, str):
        raise place.error('an event table needs "event_time", the name of a TIMESTAMP column')
    time = _expect_column(place.child("event_time"), columns, table.event_time, ("TIMESTAMP",))
    if time.mode != "REQUIRED" or time.set_by is not None:
        raise place.child("event_time").error(f'"{time.name}" must be REQUIRED and sent by the producer')
    if time.pii:
        raise place.child("event_time").error(f'"{time.name}" cannot have "pii": the lake is laid out by it')


def check_earlier_version(place: Place, declared_as: str, earlier: Table, table: Table) -> None:
    """Refuse an earlier version of `table` that is out of order, or no event's."""
    version = earlier.schema_version or 0
    if table.event_type is None or table.schema_version is None:
        raise place.error("only an event table has earlier versions")
    if declared_as != str(version):
        raise place.error(f'"{declared_as}" stands where "{version}" must: count from "1", without a gap')
    if version >= table.schema_version:
        raise place.error(f'"{version}" is not earlier than the schema_version, {table.schema_version}')
    here = place.child(declared_as)
    _check_event_time(here, earlier, {column.name: column for column in earlier.columns})
    for column in _with_fields(earlier.columns):
        if column.set_by is not None:
            raise here.error(f'the column "{column.name}" of an earlier version cannot have "set_by"')
    for column in earlier.columns:
        if column.name in ("event_id", "schema_version"):
            raise here.error(f'an event has no column "{column.name}": it is taken out of the message')


def _with_fields(columns: Iterable[Column]) -> Iterable[Column]:
    for column in columns:
        yield column
        yield from _with_fields(column.fields)


def check_view(
    place: Place, name: str, declared: Any, tables: Mapping[str, Any], views: Mapping[str, Any]
) -> None:
    """Refuse a view with the name of a table, or whose query reads what is not there."""
    place.expect_name(name)
    place.expect_keys(declared, required=("description", "query"))
    place.expect_text(declared, "description")
    query = place.expect_text(declared, "query")
    if name in tables:
        raise place.error("a table has this name")
    sources = re.findall(r"\{dataset\}\.(\w+)", query)
    if not sources:
        raise place.error('"query" must read from a table, such as `{dataset}.orders`')
    for source in sources:
        if source not in tables and source not in views:
            place.refuse("table", source, (*tables, *views))
