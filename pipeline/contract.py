"""The contract: every table, its columns, and what a producer may send, read from `schemas.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.contract_rules import Place, check_column, check_earlier_version, check_table, check_view
from pipeline.errors import ContractFileError
from pipeline.lifting_rules import check_lifting

CONTRACT_PATH = Path(__file__).with_name("schemas.json")


@dataclass(frozen=True)
class Column:
    """A column, in BigQuery's words plus ours: `check`, `set_by` and `pii`."""

    name: str
    type: str
    mode: str
    description: str
    check: Mapping[str, Any]
    """JSON Schema words that a value must keep; empty if its type is enough."""
    set_by: str | None
    """`pipeline` for a column that a producer may not send."""
    fields: tuple[Column, ...]
    """The columns of a RECORD; empty for every other type."""
    pii: bool = False
    """Whether its values are personal: no message, log or alert shows one. True for all inside a RECORD
    that is."""

    @property
    def holds_pii(self) -> bool:
        """Whether the column or one inside of it is personal."""
        return self.pii or any(column.holds_pii for column in self.fields)


@dataclass(frozen=True)
class Partition:
    """How BigQuery partitions a table."""

    type: str
    field: str


@dataclass(frozen=True)
class Table:
    """A table; `event_type`, `schema_version`, `event_time`, `earlier_versions` are an event table's only."""

    name: str
    description: str
    columns: tuple[Column, ...]
    partition: Partition | None
    clustering: tuple[str, ...]
    event_type: str | None
    schema_version: int | None
    event_time: str | None
    earlier_versions: tuple[Table, ...] = ()
    """What events of version 1, 2, … look like; all versions after them share this table's columns."""

    @property
    def versions(self) -> range:
        """The schema versions whose events have this table's columns; none if it is no event table."""
        return range(len(self.earlier_versions) + 1, (self.schema_version or 0) + 1)


@dataclass(frozen=True)
class View:
    """A view; in `query`, `{dataset}` stands for the dataset."""

    name: str
    description: str
    query: str


@dataclass(frozen=True)
class Contract:
    """All tables and views by name. Holds plain values only, so it travels to workers by pickle."""

    description: str
    tables: Mapping[str, Table]
    views: Mapping[str, View]

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types a message may have, in the order of the file."""
        return tuple(table.event_type for table in self.tables.values() if table.event_type is not None)

    def table_of(self, event_type: str) -> Table:
        """Return the table that holds `event_type`; raises KeyError for an unknown one."""
        for table in self.tables.values():
            if table.event_type == event_type:
                return table
        raise KeyError(event_type)


def load_contract(path: str | Path | None = None, *, is_lifted: bool = True) -> Contract:
    """Read the contract from `path`, by default the `schemas.json` beside this module.

    `is_lifted`: its earlier versions must go with the steps of pipeline/migrations.py. Those of a contract of
    the past need not: a step goes when its version goes.

    Raises ContractFileError at the first thing that is wrong: a typo must not switch a check off.
    """
    path = CONTRACT_PATH if path is None else Path(path)
    content = read_file(path)
    root = Place(path.name)
    root.expect_keys(content, required=("description", "tables", "views"))
    root.expect_text(content, "description")
    tables: dict[str, Table] = {}
    for name, declared in root.child("tables").items(content["tables"]):
        table = _table(root.child(f"tables.{name}"), name, declared, is_lifted)
        for other in tables.values():
            if table.event_type is not None and table.event_type == other.event_type:
                raise root.child(f"tables.{name}").error(
                    f'event_type "{table.event_type}" already belongs to the table {other.name}'
                )
        tables[name] = table
    views: dict[str, View] = {}
    for name, declared in root.child("views").items(content["views"]):
        check_view(root.child(f"views.{name}"), name, declared, tables, views)
        views[name] = View(name, declared["description"], declared["query"])
    return Contract(content["description"], tables, views)


def read_file(path: Path) -> Any:
    """Return what stands in a JSON file; raises ContractFileError if it is none."""
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=lambda pairs: _unique(path, pairs))
        json.dumps(content, ensure_ascii=False).encode()  # escapes may stand for what no text can hold
        return content
    except OSError as error:
        raise ContractFileError(f"{path}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ContractFileError(f"{path.name}: not UTF-8 at byte {error.start}; save it as UTF-8.") from error
    except UnicodeEncodeError as error:
        half = error.object[error.start].encode("unicode_escape").decode()
        raise ContractFileError(
            f"{path.name}: holds {half}, half of a surrogate pair; escape both halves, or none."
        ) from error
    except json.JSONDecodeError as error:
        raise ContractFileError(
            f"{path.name}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}."
        ) from error
    except ValueError as error:  # thousands of digits
        raise ContractFileError(f"{path.name}: holds a number that cannot be read: {error}.") from error
    except RecursionError as error:
        raise ContractFileError(f"{path.name}: nested too deeply to be read.") from error


def _unique(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            siblings = ", ".join(f'"{name}"' for name, _ in pairs[:3])
            raise ContractFileError(
                f'{path.name}: the key "{key}" stands twice in the object that starts with {siblings}; '
                "remove one."
            )
        result[key] = value
    return result


def _table(place: Place, name: str, declared: Any, is_lifted: bool) -> Table:
    place.expect_name(name)
    place.expect_keys(
        declared,
        required=("description", "columns"),
        optional=(
            "partition",
            "clustering",
            "event_type",
            "schema_version",
            "event_time",
            "earlier_versions",
        ),
    )
    partition = None
    if "partition" in declared:
        place.child("partition").expect_keys(declared["partition"], required=("type", "field"))
        partition = Partition(**declared["partition"])
    clustering = declared.get("clustering", [])
    place.child("clustering").expect_list(clustering)
    table = Table(
        name=name,
        description=place.expect_text(declared, "description"),
        columns=_columns(place, "columns", declared["columns"]),
        partition=partition,
        clustering=tuple(clustering),
        event_type=declared.get("event_type"),
        schema_version=declared.get("schema_version"),
        event_time=declared.get("event_time"),
    )
    check_table(place, table)
    if "earlier_versions" not in declared:
        return table
    here = place.child("earlier_versions")
    table = replace(table, earlier_versions=_earlier_versions(here, table, declared["earlier_versions"]))
    if is_lifted:
        check_lifting(here, table)
    return table


def _earlier_versions(place: Place, table: Table, declared: Any) -> tuple[Table, ...]:
    """Each a table of its own with the same name, whose columns are what a producer sent then."""
    earlier: tuple[Table, ...] = ()
    for version, shape in place.items(declared):
        here = place.child(version)
        here.expect_keys(shape, required=("event_time", "columns"))
        earlier_table = Table(
            name=table.name,
            description=table.description,
            columns=_columns(here, "columns", shape["columns"]),
            partition=None,
            clustering=(),
            event_type=table.event_type,
            schema_version=len(earlier) + 1,
            event_time=shape["event_time"],
            earlier_versions=earlier,
        )
        check_earlier_version(place, version, earlier_table, table)
        earlier = (*earlier, earlier_table)
    if not earlier:
        raise place.error('must declare version "1" at least; or remove it')
    return earlier


def _columns(place: Place, key: str, declared: Any) -> tuple[Column, ...]:
    place.child(key).expect_list(declared, not_empty=True)
    columns: list[Column] = []
    for index, entry in enumerate(declared):
        name = entry.get("name") if isinstance(entry, dict) else None
        here = place.child(f"{key}[{index}]" + (f" ({name})" if isinstance(name, str) else ""))
        column = _column(here, entry)
        if any(column.name.lower() == other.name.lower() for other in columns):
            raise here.error(f'the column "{column.name}" is declared twice')
        columns.append(column)
    return tuple(columns)


def _column(place: Place, declared: Any) -> Column:
    place.expect_keys(
        declared,
        required=("name", "type", "mode", "description"),
        optional=("check", "set_by", "pii", "fields"),
    )
    column = Column(
        name=place.expect_name(declared["name"]),
        type=declared["type"],
        mode=declared["mode"],
        description=place.expect_text(declared, "description"),
        check=declared.get("check", {}),
        set_by=declared.get("set_by"),
        fields=_columns(place, "fields", declared["fields"]) if "fields" in declared else (),
        pii=declared.get("pii", False),
    )
    check_column(place, column)
    return _personal_throughout(column) if column.pii else column


def _personal_throughout(column: Column) -> Column:
    return replace(column, pii=True, fields=tuple(map(_personal_throughout, column.fields)))
