"""Steps that lift an event from the schema version it was written for to the next one.

A step is pure: it moves and renames what was sent, leaves its argument as it is, and invents no value. It is
given a valid event of its version, without event_id and schema_version, and returns a valid one of the next.
The loader of the contract gives it an event with all columns, whose values are made up, to see where they go.
Source: docs/adr/0016-earlier-versions-are-lifted.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Fields = dict[str, Any]

_NEW_NAMES = (("event_type", "activity_type"), ("event_time", "timestamp"))
_DETAILS = ("session_id", "product_id", "category", "price", "quantity", "user_segment")


def _user_activity_1_to_2(event: Fields) -> Fields:
    """Version 2 adds session_id, category, quantity and user_segment, of which version 1 knew nothing."""
    return dict(event)


def _user_activity_2_to_3(event: Fields) -> Fields:
    """Version 3 calls two fields by other names, and keeps the details of the session in a record."""
    lifted = dict(event)
    for old, new in _NEW_NAMES:
        if old in lifted:
            lifted[new] = lifted.pop(old)
    details = {name: lifted.pop(name) for name in _DETAILS if name in lifted}
    if details:
        lifted["metadata"] = details
    return lifted


STEPS: Mapping[tuple[str, int], Callable[[Fields], Fields]] = {
    ("user_activity", 1): _user_activity_1_to_2,
    ("user_activity", 2): _user_activity_2_to_3,
}
"""(event type, version) -> what lifts an event of it to the next version."""


def migrate(event_type: str, data: Fields, from_version: int, to_version: int) -> Fields:
    """Return an event as `to_version` would have it, by the step of each version between.

    `data` is a valid event of `from_version`; it stays as it is, and may share values with what is returned.
    Raises KeyError if a step is missing, which the loader of the contract rules out.
    """
    for version in range(from_version, to_version):
        data = STEPS[event_type, version](data)
    return data
