"""A real HTTP server in the place of Slack, PagerDuty and a webhook: records, and answers as told."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Recorded(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    """What it was answered; 0 for no HTTP."""

    def json(self) -> Any:
        return json.loads(self.body)


class Answer(NamedTuple):
    status: int = 200
    body: str = "ok"
    headers: tuple[tuple[str, str], ...] = ()
    echoes: bool = False
    """Repeat the request in the body, as a careless endpoint does."""
    raw: bytes | None = None
    """Written instead of any HTTP; empty: the connection is closed without a word."""
    wait_for: threading.Event | None = None
    """Answer only once it is set."""
    drips: bool = False
    """Write the head byte by byte, and never end it."""


class RecordingServer:
    """Answers 200 unless `answers[path]` holds something else for its next requests."""

    def __init__(self) -> None:
        self.answers: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self.requests: list[Recorded] = []
        self.arrived = threading.Condition()
        self.is_closed = threading.Event()
        recording = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                with contextlib.suppress(ConnectionError):  # who asked need not wait for the answer
                    self._record_and_answer()

            def _record_and_answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with recording.arrived:
                    waiting = recording.answers[self.path]
                    answer = waiting.popleft() if waiting else Answer()
                    status = answer.status if answer.raw is None and not answer.drips else 0
                    recording.requests.append(Recorded(self.path, dict(self.headers), body, status))
                    recording.arrived.notify_all()
                if answer.wait_for is not None:
                    answer.wait_for.wait(30)
                if answer.drips:
                    self._drip()
                    return
                if answer.raw is not None:
                    self.wfile.write(answer.raw)
                    self.close_connection = True
                    return
                content = f"{self.path} {self.headers} {body!r}" if answer.echoes else answer.body
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content.encode())))
                self.end_headers()
                self.wfile.write(content.encode())

            def _drip(self) -> None:
                self.close_connection = True
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
                with contextlib.suppress(ConnectionError):
                    while not recording.is_closed.wait(0.02):
                        self.wfile.write(b".")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def to(self, path: str) -> list[Recorded]:
        with self.arrived:
            return [request for request in self.requests if request.path == path]

    def taken(self, path: str) -> list[Recorded]:
        """The requests that were answered 2xx."""
        return [request for request in self.to(path) if 200 <= request.status < 300]

    def wait_for_requests(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.requests) >= count, timeout=10)

    def close(self) -> None:
        self.is_closed.set()
        self._server.shutdown()
        self._server.server_close()
