"""The changes between two contracts: which break somebody, and who has to move first for the others."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from pipeline.contract import Column, Contract, Table


class Effect(Enum):
    """What a change asks of tables, pipeline and producers."""

    BREAKS = "breaks"
    """Something that was valid is refused, or a table cannot take the change in place."""
    TABLE = "table"
    """The table first, then the pipeline, then producers."""
    PIPELINE = "pipeline"
    """The pipeline first, then producers; the tables stay as they are."""
    TEXT = "text"
    """Descriptions, views, clustering: the next apply takes it, nobody waits for it."""


class Change(NamedTuple):
    """One difference."""

    place: str
    """Such as `orders.items.quantity`."""
    said: str
    """What is different, as the end of a sentence."""
    effect: Effect


_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS = ("maximum", "maxLength", "maxItems")


def changes(old: Contract, new: Contract) -> list[Change]:
    """Everything that is different, in the order of the old file, what was added at the end."""
    return [*_between_tables(old.tables, new.tables), *_between_views(old, new)]


def _between_tables(old: Mapping[str, Table], new: Mapping[str, Table]) -> Iterator[Change]:
    for name, table in old.items():
        if name in new:
            yield from _between_two_tables(table, new[name])
        else:
            yield Change(name, "is gone", Effect.BREAKS)
    for name in new:
        if name not in old:
            yield Change(name, "is a new table", Effect.TABLE)


def _between_two_tables(old: Table, new: Table) -> Iterator[Change]:
    for word in ("event_type", "event_time", "partition"):
        was, is_ = getattr(old, word), getattr(new, word)
        if was != is_:
            yield Change(old.name, f"{word} was {_told(was)} and is {_told(is_)}", Effect.BREAKS)
    if old.schema_version != new.schema_version:
        was, is_ = old.schema_version or 0, new.schema_version or 0
        lower = is_ < was
        said = f"schema_version was {was} and is {is_}"
        yield Change(old.name, said, Effect.BREAKS if lower else Effect.PIPELINE)
    if old.clustering != new.clustering:
        yield Change(old.name, f"is clustered by {_told(new.clustering)}", Effect.TEXT)
    if old.description != new.description:
        yield Change(old.name, "has another description", Effect.TEXT)
    yield from _between_columns(old.name, old.columns, new.columns)
    for version in range(1, min(old.schema_version or 0, new.schema_version or 0) + 1):
        yield from _between_versions(version, old, new)


def _between_versions(version: int, old: Table, new: Table) -> Iterator[Change]:
    """What a producer of one schema version notices, if it has a shape of its own before or after."""
    place = f"{old.name} version {version}"
    was, is_ = _of_version(old, version), _of_version(new, version)
    if was is old and is_ is new:
        return  # the table's own columns
    if is_ is new:
        yield Change(place, "has no columns of its own any more", Effect.BREAKS)
        return
    if was is old:
        yield Change(place, "has columns of its own now, and is lifted", Effect.PIPELINE)
    if was.event_time != is_.event_time:
        yield Change(place, f"event_time was {was.event_time} and is {is_.event_time}", Effect.BREAKS)
    for change in _between_columns(place, _sent(was), _sent(is_)):
        # An earlier version has no table: only the pipeline reads it.
        yield change._replace(effect=Effect.PIPELINE) if change.effect is Effect.TABLE else change


def _of_version(table: Table, version: int) -> Table:
    return table if version in table.versions else table.earlier_versions[version - 1]


def _sent(table: Table) -> list[Column]:
    return [column for column in table.columns if column.set_by is None]


def _between_columns(place: str, old: Iterable[Column], new: Iterable[Column]) -> Iterator[Change]:
    before, after = {each.name: each for each in old}, {each.name: each for each in new}
    added = [name for name in after if name not in before]
    for name, column in before.items():
        here = f"{place}.{name}"
        if name in after:
            yield from _between_two_columns(here, column, after[name])
        else:
            alike = [each for each in added if after[each].type == column.type]
            near = difflib.get_close_matches(name, alike, n=1, cutoff=0.6)
            yield Change(here, f"is gone{f' (renamed to {near[0]}?)' if near else ''}", Effect.BREAKS)
    for name in added:
        column = after[name]
        if column.mode == "REQUIRED" and column.set_by is None:
            yield Change(f"{place}.{name}", "is new and REQUIRED", Effect.BREAKS)
        elif column.mode == "REQUIRED":
            said = "is new and REQUIRED, which a table with rows refuses"
            yield Change(f"{place}.{name}", said, Effect.BREAKS)
        elif column.check.get("minItems"):
            yield Change(f"{place}.{name}", "is new and may not be empty", Effect.BREAKS)
        else:
            yield Change(f"{place}.{name}", f"is a new {column.mode} column", Effect.TABLE)


def _between_two_columns(place: str, old: Column, new: Column) -> Iterator[Change]:
    if old.type != new.type:
        yield Change(place, f"was of type {old.type} and is of type {new.type}", Effect.BREAKS)
        return
    if old.mode != new.mode:
        relaxed = (old.mode, new.mode) == ("REQUIRED", "NULLABLE")
        said = f"was {old.mode} and is {new.mode}"
        yield Change(place, said, Effect.TABLE if relaxed else Effect.BREAKS)
    if old.set_by != new.set_by:
        yield Change(place, f"is set by {new.set_by or 'the producer'} now", Effect.BREAKS)
    if old.pii != new.pii:
        yield Change(place, f"is {'' if new.pii else 'not '}marked pii now", Effect.PIPELINE)
    yield from _between_checks(place, old.check, new.check)
    if old.description != new.description:
        yield Change(place, "has another description", Effect.TEXT)
    yield from _between_columns(place, old.fields, new.fields)


def _between_checks(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for word in dict.fromkeys((*old, *new)):
        was, is_ = old.get(word), new.get(word)
        if was == is_:
            continue
        said = f"{word} was {_told(was)} and is {_told(is_)}"
        effect = Effect.PIPELINE if _is_wider(word, was, is_) else Effect.BREAKS
        yield Change(place, said, effect)


def _is_wider(word: str, was: Any, is_: Any) -> bool:
    """Whether all that kept a check word still keeps it. For a pattern or a format only if it is gone."""
    if is_ is None:
        return True
    if was is None:
        return word == "minItems" and is_ == 0
    if word in _LOWER_BOUNDS:
        return bool(is_ <= was)
    if word in _UPPER_BOUNDS:
        return bool(is_ >= was)
    if word == "enum":
        return all(value in is_ for value in was)
    if word == "not" and was.keys() == is_.keys() == {"enum"}:
        return all(value in was["enum"] for value in is_["enum"])
    return False


def _between_views(old: Contract, new: Contract) -> Iterator[Change]:
    for name, view in old.views.items():
        if name not in new.views:
            yield Change(name, "is gone, for all who query it", Effect.BREAKS)
        elif view != new.views[name]:
            yield Change(name, "is another view", Effect.TEXT)
    for name in new.views:
        if name not in old.views:
            yield Change(name, "is a new view", Effect.TEXT)


def _told(value: Any) -> str:
    if value is None or value == ():
        return "absent"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)
