"""One table's contract, compiled: all faults of the few events that the quick way does not accept.

They come from a walk over the columns, which asks jsonschema-rs about single values only: its own list of
errors is built in full before the first can be read, and a payload of 10 MB can hold five million of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from pipeline.contract import Column, Table
from pipeline.contract_rules import INT64_MAX, INT64_MIN
from pipeline.errors import (
    ContractError,
    ContractFileError,
    InvalidTimestamp,
    InvalidValue,
    MissingField,
    UnexpectedField,
    WrongType,
)
from pipeline.json_text import Fault
from pipeline.projections import EXACT_IN_A_DOUBLE, may_be_absent, value_schema
from pipeline.rfc3339 import format_rfc3339, parse_rfc3339_us
from pipeline.wording import counted, kind_and_size, kind_of, named, pointer, shortened

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "BYTES": (str,),
    "INTEGER": (int,),
    "FLOAT": (int, float),
    "BOOLEAN": (bool,),
    "TIMESTAMP": (str,),
    "RECORD": (dict,),
}
_KINDS = {
    "STRING": "a string",
    "BYTES": "a string in base64",
    "INTEGER": "an integer",
    "FLOAT": "a number",
    "BOOLEAN": "true or false",
    "TIMESTAMP": "an RFC 3339 string",
    "RECORD": "an object",
}


class TableValidator:
    """Judges events of one table, after event_type, event_id and schema_version were taken out of them."""

    def __init__(self, table: Table) -> None:
        """Compile `table`; raises ContractFileError for a pattern that jsonschema-rs cannot compile."""
        self.table = table
        self._record = _RecordRule(table.name, table.columns, quiet=False)

    def faults(self, data: dict[str, Any]) -> Iterator[Fault]:
        """Yield everything that is wrong with an event, in the order of the columns.

        An integer column's value beyond 64 bits is passed over: it is a fault of the text.
        """
        return self._record.faults(data, "", "The event")

    def drop_unknown(self, data: dict[str, Any]) -> int:
        """Remove every field that a producer may not send, however deep, and return how many."""
        return self._record.drop_unknown(data)

    def normalize(self, data: dict[str, Any]) -> None:
        """Rewrite a valid event in place as rows hold it: timestamps in UTC, large numbers as doubles."""
        self._record.normalize(data)


class _RecordRule:
    """The columns of a table or of a RECORD; `quiet`: no value of theirs is quoted."""

    def __init__(self, table: str, columns: tuple[Column, ...], *, quiet: bool) -> None:
        self.rules = {
            column.name: _ColumnRule(table, column, quiet or column.holds_pii)
            for column in columns
            if column.set_by is None
        }
        self.ours = frozenset(column.name for column in columns if column.set_by is not None)

    def faults(self, record: dict[str, Any], path: str, owner: str) -> Iterator[Fault]:
        for name, rule in self.rules.items():
            if name in record:
                if not rule.accepts(record[name]):
                    yield from rule.faults(record[name], f"{path}/{name}")
            elif rule.required:
                message = f"{owner} lacks {name}, which is required."
                yield Fault(MissingField, ContractError(f"{path}/{name}", "required", message))
        for name in record:
            if name in self.rules:
                continue
            if name in self.ours:
                message = f"{name} is set by the pipeline; do not send it."
            else:
                message = f"{owner} has {named('field', name)}, which the contract does not declare."
            yield Fault(UnexpectedField, ContractError(pointer(path, name), "unexpected_field", message))

    def drop_unknown(self, record: dict[str, Any]) -> int:
        unknown = [name for name in record if name not in self.rules]
        for name in unknown:
            del record[name]
        dropped = len(unknown)
        for name, value in record.items():
            inner = self.rules[name].record
            if inner is not None:
                values = value if isinstance(value, list) else [value]
                dropped += sum(inner.drop_unknown(one) for one in values if isinstance(one, dict))
        return dropped

    def normalize(self, record: dict[str, Any]) -> None:
        for name, value in record.items():
            rule = self.rules[name]
            if isinstance(value, list):
                record[name] = [rule.normalized(one) for one in value]
            elif value is not None:
                record[name] = rule.normalized(value)


class _ColumnRule:
    """One column: its mode, its type and its check words."""

    def __init__(self, table: str, column: Column, quiet: bool) -> None:
        self.column = column
        self.required = not may_be_absent(column)
        # In an address lines change places: what stands beside something personal is not quoted either.
        self.record = _RecordRule(table, column.fields, quiet=quiet) if column.type == "RECORD" else None
        self._quiet = quiet
        self._types = _PYTHON_TYPES[column.type]
        self._values = value_validator(table, column) if column.type not in ("RECORD", "TIMESTAMP") else None

    def accepts(self, value: Any) -> bool:
        """Whether a value surely has no fault, as most even of a refused event; False decides nothing."""
        if self._values is None or self.column.mode == "REPEATED":
            return False
        return type(value) in self._types and self._values.is_valid(value)

    def faults(self, value: Any, path: str) -> Iterator[Fault]:
        if self.column.mode != "REPEATED":
            if value is not None or self.column.mode == "REQUIRED":
                yield from self._value_faults(value, path)
        elif type(value) is not list:
            yield self._wrong_type("an array", value, path)
        else:
            yield from self._length_faults(value, path)
            for index, element in enumerate(value):
                yield from self._value_faults(element, f"{path}/{index}")

    def normalized(self, value: Any) -> Any:
        if self.record is not None:
            self.record.normalize(value)
        elif self.column.type == "TIMESTAMP":
            return format_rfc3339(parse_rfc3339_us(value))
        elif self.column.type == "FLOAT" and abs(value) > EXACT_IN_A_DOUBLE:
            return float(value)
        return value

    def _length_faults(self, value: list[Any], path: str) -> Iterator[Fault]:
        least, most = self.column.check.get("minItems", 0), self.column.check.get("maxItems", len(value))
        if len(value) < least:
            yield self._invalid(
                "minItems", f"must have at least {counted(least, 'element')}, not {len(value):,}", path
            )
        if len(value) > most:
            yield self._invalid(
                "maxItems", f"must have at most {counted(most, 'element')}, not {len(value):,}", path
            )

    def _value_faults(self, value: Any, path: str) -> Iterator[Fault]:
        # type() and not isinstance(): a bool is an int to Python.
        if type(value) not in self._types:
            yield self._wrong_type(_KINDS[self.column.type], value, path)
        elif self.record is not None:
            yield from self.record.faults(value, path, self.column.name)
        elif self._values is None:
            try:
                parse_rfc3339_us(value)
            except ValueError as error:
                message = f"{self.column.name} {error}; it was {self._shown(value)}."
                yield Fault(InvalidTimestamp, ContractError(path, "format", message))
        elif not self._values.is_valid(value) and not _is_beyond_int64(value):
            for broken in self._values.iter_errors(value):
                word = str(broken.schema_path[0])
                yield self._invalid(word, self._demand(word, value), path)

    def _demand(self, word: str, value: Any) -> str:
        limit: Any = self.column.check.get(word)
        shown = self._shown(value)
        if word in ("minLength", "maxLength"):
            bound = "at least" if word == "minLength" else "at most"
            return f"must have {bound} {counted(limit, 'character')}, not {len(value):,}"
        if word == "enum":
            return f"must be one of {', '.join(map(shortened, (limit or [])[:20]))}, not {shown}"
        if word == "not":
            if self._quiet:
                return "must not be what the contract forbids"
            forbidden = (limit or {}).get("enum")
            if forbidden is None:
                return f"must not keep {shortened(limit)}, as {shown} does"
            return f"must not be {' or '.join(map(shortened, forbidden[:20]))}"
        bound = {
            "minimum": f"at least {limit}",
            "maximum": f"at most {limit}",
            "exclusiveMinimum": f"more than {limit}",
            "format": f"a valid {limit}",
            "pattern": "valid base64" if limit is None else f"text like {limit}",
        }[word]
        return f"must be {bound}, not {shown}"

    def _wrong_type(self, expected: str, value: Any, path: str) -> Fault:
        given = kind_and_size(value)
        # Nobody knows what stands inside of an array or object that is not expected.
        if not (self._quiet or value is None or isinstance(value, dict | list)):
            given = f"{kind_of(value)}: {shortened(value)}"
        message = f"{self.column.name} must be {expected}, not {given}."
        return Fault(WrongType, ContractError(path, "type", message))

    def _shown(self, value: Any) -> str:
        return kind_and_size(value) if self._quiet else shortened(value)

    def _invalid(self, word: str, demand: str, path: str) -> Fault:
        return Fault(InvalidValue, ContractError(path, word, f"{self.column.name} {demand}."))


def _is_beyond_int64(value: Any) -> bool:
    return type(value) is int and not INT64_MIN <= value <= INT64_MAX


def value_validator(table: str, column: Column) -> jsonschema_rs.Validator:
    """Compile the check of one value of a column.

    Raises ContractFileError for a pattern that jsonschema-rs cannot compile.
    """
    try:
        # The engine without back-tracking: no payload can make a pattern slow.
        return jsonschema_rs.Draft202012Validator(
            value_schema(column), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except jsonschema_rs.ValidationError as error:
        problem = str(error.message)
        raise ContractFileError(
            f"schemas.json: {table}.{column.name}: jsonschema-rs refuses a check: {problem}."
        ) from error
