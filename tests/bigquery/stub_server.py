"""A server that speaks `tabledata.insertAll` over HTTP and answers as it is told to.

It keeps what it was sent and what it stored, so that a test can say which rows were sent how often.
Faults are answers in BigQuery's own shapes.
"""

from __future__ import annotations

import http.server
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str] = {}  # noqa: RUF012  (a NamedTuple's default; never changed)
    delay_seconds: float = 0.0
    reset: bool = False


class Request(NamedTuple):
    table: str
    rows: list[dict[str, Any]]
    body_bytes: int
    skip_invalid_rows: bool

    @property
    def insert_ids(self) -> list[str]:
        return [row["insertId"] for row in self.rows]


def error(status: int, reason: str, message: str = "told so", **headers: str) -> Answer:
    details = {"reason": reason, "message": message, "domain": "global"}
    body = {"error": {"code": status, "message": message, "errors": [details]}}
    return Answer(status, json.dumps(body).encode(), {k.replace("_", "-"): v for k, v in headers.items()})


HTML_413 = Answer(413, b"<!DOCTYPE html><title>Error 413 (Request Entity Too Large)!!1</title>")
RESET = Answer(0, b"", reset=True)

Rule = Callable[[Request], Answer | None]


class StubBigQuery:
    """Answers come from `script` first, one a request; then `rule` decides; else the rows are stored."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.stored: list[tuple[str, str]] = []  # (table, insert id), with repetitions
        self.bad_rows: dict[str, list[dict[str, str]]] = {}  # insert id -> its errors
        self.stops_neighbours = False  # as BigQuery does without skipInvalidRows
        self.script: list[Answer | None] = []
        self.rule: Rule = lambda request: None
        self._lock = threading.Lock()
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                stub._handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def sent(self) -> Counter[str]:
        """How often each insert id was sent."""
        return Counter(insert_id for request in self.requests for insert_id in request.insert_ids)

    def stored_ids(self) -> Counter[str]:
        return Counter(insert_id for _, insert_id in self.stored)

    def _handle(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        document = json.loads(body)
        parts = handler.path.partition("?")[0].split("/")
        request = Request(parts[8], document["rows"], len(body), document.get("skipInvalidRows", False))
        with self._lock:
            self.requests.append(request)
            answer = (
                (self.script.pop(0) if self.script else None) or self.rule(request) or self._store(request)
            )
        time.sleep(answer.delay_seconds)
        if answer.reset:
            # Linger 0: the kernel sends a reset instead of an orderly end.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            handler.connection.close()
            return
        handler.send_response(answer.status)
        handler.send_header("Content-Type", "application/json")
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.body)

    def _store(self, request: Request) -> Answer:
        bad = [id_ for id_ in request.insert_ids if id_ in self.bad_rows]
        stopped = [] if not bad or not self.stops_neighbours else set(request.insert_ids) - set(bad)
        errors = []
        for index, insert_id in enumerate(request.insert_ids):
            if insert_id in self.bad_rows:
                errors.append({"index": index, "errors": self.bad_rows[insert_id]})
            elif insert_id in stopped:
                errors.append({"index": index, "errors": [{"reason": "stopped", "message": ""}]})
            else:
                self.stored.append((request.table, insert_id))
        body: dict[str, Any] = {"kind": "bigquery#tableDataInsertAllResponse"}
        if errors:
            body["insertErrors"] = errors
        return Answer(200, json.dumps(body).encode())
