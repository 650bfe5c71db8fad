"""What goes through the BigQuery proxy: when each row was written, and faults of inserts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import orjson

from local.chaos.http_proxy import Answer, Forward, Request, Rule

DEAD_LETTERS = "dead_letters"


def inserted_table(request: Request) -> str | None:
    """The table of a streaming insert; None for any other request."""
    steps = request.path.partition("?")[0].split("/")
    return steps[-2] if request.method == "POST" and steps[-1] == "insertAll" else None


class InsertJournal:
    """When each row was first written, by table and by what identifies it. Thread-safe.

    A row of an event table is known by its event id, a dead letter by the id of its message.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written_at: dict[tuple[str, str], float] = {}

    def observe(self, request: Request, answer: Answer) -> None:
        """Note the rows that BigQuery has accepted just now."""
        table = inserted_table(request)
        if table is None or answer.status != 200:
            return
        refused = {error["index"] for error in orjson.loads(answer.body).get("insertErrors", ())}
        now = time.time()
        keys = [
            (table, row["json"].get("message_id", "") if table == DEAD_LETTERS else row["insertId"])
            for index, row in enumerate(orjson.loads(request.body)["rows"])
            if index not in refused
        ]
        with self._lock:
            for key in keys:
                self._written_at.setdefault(key, now)

    def written_at(self) -> dict[tuple[str, str], float]:
        """(table, id) -> seconds since the epoch."""
        with self._lock:
            return dict(self._written_at)

    def count(self) -> int:
        """Different rows written so far."""
        return len(self._written_at)


def for_inserts(rule: Rule, is_hit: Callable[[str], bool] = lambda table: True) -> Rule:
    """Let `rule` decide about inserts into tables that are hit, and pass everything else on."""

    def narrowed(request: Request, forward: Forward) -> Answer | None:
        table = inserted_table(request)
        return rule(request, forward) if table is not None and is_hit(table) else None

    return narrowed


def refuse_rows(is_bad: Callable[[str], bool]) -> Rule:
    """Refuse the rows whose insert id is bad, and let their neighbours in, as skipInvalidRows asks."""

    def rule(request: Request, forward: Forward) -> Answer | None:
        document: dict[str, Any] = orjson.loads(request.body)
        rows = document["rows"]
        bad = [index for index, row in enumerate(rows) if is_bad(row["insertId"])]
        if not bad:
            return None
        document["rows"] = [row for index, row in enumerate(rows) if index not in set(bad)]
        if document["rows"]:
            answer = forward(request._replace(body=orjson.dumps(document)))
            if answer.status != 200 or orjson.loads(answer.body).get("insertErrors"):
                return answer
        invalid = {"reason": "invalid", "location": "", "message": "refused, on purpose"}
        errors = [{"index": index, "errors": [invalid]} for index in bad]
        return Answer(200, orjson.dumps({"insertErrors": errors}))

    return rule
