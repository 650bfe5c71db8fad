"""An alert, and how it is read from a Pub/Sub message. The fields are the columns of the `alerts` table."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

STATES = ("open", "ongoing", "resolved")
SEVERITIES = ("info", "warning", "error", "critical")
"""From the least to the most severe."""

_MAX_EXCERPT_CHARS = 100
_MAX_INTEGER = 2**63 - 1  # of a column of BigQuery


class BadAlert(Exception):
    """The message is no alert and never will be: trying again is of no use."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One state of one alert, as of one window. Times are RFC 3339 text; None stands for null or absent."""

    alert_id: str
    kind: str
    state: str
    severity: str
    metric: str
    dimension: str
    dimension_value: str
    window_start: str
    window_end: str
    value: float
    expected_low: float | None
    expected_high: float | None
    score: float | None
    summary: str
    run_id: str
    emitted_at: str
    opened_at: str | None
    """Start of the window in which it opened."""
    breaches: int | None
    """Windows in a row in breach, this one included; of a resolved alert the longest row. None: no count."""
    query: str | None
    """SQL that shows the windows around this one."""

    def fields(self) -> dict[str, str | float | None]:
        """Return the fields by name, in the table's order."""
        return dataclasses.asdict(self)


_FIELDS = tuple(field.name for field in dataclasses.fields(Alert))
_TIMES = frozenset({"window_start", "window_end", "emitted_at", "opened_at"})
_WORDS = {"state": STATES, "severity": SEVERITIES}
_NUMBERS = frozenset({"value", "expected_low", "expected_high", "score"})
_COUNTS = frozenset({"breaches"})
_NULLABLE = frozenset({"expected_low", "expected_high", "score", "opened_at", "breaches", "query"})


def decode(event_data: object) -> dict[str, object]:
    """Return the JSON object in a Pub/Sub CloudEvent's data ({"message": {"data": base64}}).

    Raises BadAlert if there is none.
    """
    message = event_data.get("message") if isinstance(event_data, Mapping) else None
    encoded = message.get("data") if isinstance(message, Mapping) else None
    if not isinstance(encoded, str) or not encoded:
        raise BadAlert("the event holds no message.data")
    try:
        payload = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise BadAlert("message.data is not base64") from None
    try:
        content = json.loads(payload.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise BadAlert(f"message.data is not JSON: {fault}") from None
    if not isinstance(content, dict):
        raise BadAlert("message.data is not a JSON object")
    return content


def check(content: Mapping[str, object]) -> Alert:
    """Return the alert in a decoded object; raises BadAlert, which names everything that is wrong.

    Fields that are not ours are left alone (`unknown_fields` names them): the pipeline may be a release
    ahead of this function, and an alert is not lost for a new column.
    """
    problems = list(_problems(content))
    if problems:
        raise BadAlert("; ".join(problems))
    values: dict[str, object] = {name: content.get(name) for name in _FIELDS}
    for name in _NUMBERS:
        number = values[name]
        if isinstance(number, int):
            values[name] = float(number)
    return Alert(**values)  # type: ignore[arg-type]  # _problems has looked at every type


def unknown_fields(content: Mapping[str, object]) -> list[str]:
    """Return the names in a decoded object that are no fields of an alert."""
    return sorted(_excerpt(name) for name in content if name not in _FIELDS)


def _problems(content: Mapping[str, object]) -> Iterator[str]:
    for name in _FIELDS:
        value = content.get(name)
        if value is None:
            if name not in _NULLABLE:
                yield f"{name} is missing"
        elif name in _NUMBERS:
            if not _is_finite_number(value):
                yield f"{name} is {_excerpt(value)}, not a finite number"
        elif name in _COUNTS:
            if type(value) is not int or not 1 <= value <= _MAX_INTEGER:
                yield f"{name} is {_excerpt(value)}, not a whole number of at least 1"
        elif not isinstance(value, str) or not _is_unicode(value):
            yield f"{name} is {_excerpt(value)}, not a text"
        elif name in _WORDS and value not in _WORDS[name]:
            yield f"{name} is {_excerpt(value)}, not one of {', '.join(_WORDS[name])}"
        elif name in _TIMES and not _is_time(value):
            yield f"{name} is {_excerpt(value)}, not an RFC 3339 time with an offset"
        elif name == "alert_id" and not value:
            yield "alert_id is empty"


def _is_finite_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _is_unicode(text: str) -> bool:
    r"""Whether there is no lone surrogate (JSON's "\ud800") in it: no channel could encode that."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _excerpt(value: object) -> str:
    try:
        return json.dumps(value)[:_MAX_EXCERPT_CHARS]
    except RecursionError:  # writing takes a little more of the stack than reading has taken
        return "a value that nests too deeply"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
