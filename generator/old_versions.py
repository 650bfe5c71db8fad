"""Apps that were never upgraded: user activity as earlier schema versions had it."""

from __future__ import annotations

from random import Random
from typing import Any

from generator.chance import pick
from generator.letter import Letter
from pipeline.contract import Table

_NAMES_NOW = {"event_type": "activity_type", "event_time": "timestamp"}


def draw_version(rng: Random, table: Table, share: float) -> Table | None:
    """Return an earlier version of `table` for a `share` of the draws, else None: the current one."""
    if not (share and table.earlier_versions) or rng.random() >= share:
        return None
    return pick(rng, table.earlier_versions)


def written_for(letter: Letter, version: Table) -> Letter:
    """Return the letter that an app of an earlier version would have written, without what it never knew."""
    now: dict[str, Any] = {**(letter.fields.get("metadata") or {}), **letter.fields}
    fields = {
        column.name: now[_NAMES_NOW.get(column.name, column.name)]
        for column in version.columns
        if _NAMES_NOW.get(column.name, column.name) in now
    }
    return Letter(
        table=version,
        fields=fields,
        event_type=letter.event_type,
        event_id=letter.event_id,
        schema_version=int(version.schema_version or 1),
        is_inside=letter.is_inside,
        publish_us=letter.publish_us,
    )
