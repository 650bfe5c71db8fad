"""Log lines as Cloud Logging reads them: one JSON object a line, on standard output."""

from __future__ import annotations

import json
import sys
import threading

_one_line_at_a_time = threading.Lock()


def log_line(severity: str, message: str, **fields: object) -> None:
    """Write one line. severity: a Cloud Logging word, such as INFO, NOTICE, WARNING, ERROR or CRITICAL."""
    line = json.dumps({"severity": severity, "message": message, **fields})
    with _one_line_at_a_time:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
