"""What the steps of pipeline/migrations.py ask of the earlier versions that `schemas.json` declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.contract_rules import Place
from pipeline.migrations import STEPS

if TYPE_CHECKING:
    from pipeline.contract import Table


def check_steps(place: Place, table: Table) -> None:
    """Refuse earlier versions of `table`, declared at `place`, of which no step lifts one."""
    for number, _ in enumerate(table.earlier_versions, 1):
        if (table.event_type, number) not in STEPS:
            raise place.child(str(number)).error(
                f"no step lifts {table.event_type} from version {number} to {number + 1}; "
                "write it in pipeline/migrations.py"
            )
