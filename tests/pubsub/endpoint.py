"""A push endpoint: an HTTP server that records what it gets and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Push(NamedTuple):
    arrived_at: float
    content_type: str
    body: Any


class Endpoint(ThreadingHTTPServer):
    """Answers each push with the next of `statuses`, and with 200 once they are used up."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.pushes: list[Push] = []
        self.statuses: list[int] = []
        self.answering = threading.Event()  # cleared: pushes are held open
        self.answering.set()
        self.under_way = self.most_under_way = 0
        self.changed = threading.Condition()
        self.url = f"http://127.0.0.1:{self.server_port}/events?token=secret"

    def __enter__(self) -> Endpoint:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.answering.set()
        self.shutdown()
        self.server_close()

    def wait_for(self, count: int, seconds: float = 20.0) -> list[Push]:
        """Return the pushes as soon as there are `count`."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.pushes) >= count, seconds), self.pushes
            return list(self.pushes)


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        endpoint = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with endpoint.changed:
            endpoint.pushes.append(Push(time.monotonic(), self.headers["Content-Type"], body))
            status = endpoint.statuses.pop(0) if endpoint.statuses else 200
            endpoint.under_way += 1
            endpoint.most_under_way = max(endpoint.most_under_way, endpoint.under_way)
            endpoint.changed.notify_all()
        endpoint.answering.wait(20)
        with endpoint.changed:
            endpoint.under_way -= 1
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""
