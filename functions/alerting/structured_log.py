"""Log lines as Cloud Logging reads them: one JSON object a line, on standard output."""

from __future__ import annotations

import json
import re
import sys
import threading
from typing import Any

_one_line_at_a_time = threading.Lock()

# What moves a terminal's cursor, ends a line or turns the direction of writing. A summary may hold what a
# producer wrote, and a log is read by tools that undo JSON's own escapes.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def log_line(severity: str, message: str, **fields: object) -> None:
    """Write one line. severity: a Cloud Logging word, such as INFO, NOTICE, WARNING, ERROR or CRITICAL.

    The control characters of the message and of all texts in the fields are shown as their escapes.
    """
    line = json.dumps({"severity": severity, "message": printable(message), **_shown(fields)})
    with _one_line_at_a_time:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(str(name)): _shown(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    return value


def printable(text: str, keep: str = "") -> str:
    r"""Return the text with its control characters as escapes (\x1b, \n), but for those in `keep`."""
    return _CONTROLS.sub(
        lambda found: found[0] if found[0] in keep else found[0].encode("unicode_escape").decode(), text
    )
