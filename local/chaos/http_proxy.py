"""An HTTP proxy in front of an emulator, whose faults are switched on and off while it runs."""

from __future__ import annotations

import http.client
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import orjson

from local.child import HOST

_UPSTREAM_TIMEOUT_SECONDS = 60.0
# Between proxy and emulator the body is whole and plain, so that an observer can read it.
_NOT_PASSED_ON = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})


class Request(NamedTuple):
    """What a client asks."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What it gets."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {"Content-Type": "application/json"}


class NoAnswer(Exception):
    """The connection ends without an answer."""


Forward = Callable[[Request], Answer]
Rule = Callable[[Request, Forward], Answer | None]
"""Decides what a request gets: None if the fault does not concern it; raises NoAnswer for nothing at all."""


class HttpProxy:
    """Listens on a port of its own and passes requests on to `upstream`, as its rule says."""

    def __init__(
        self, upstream: str, observe: Callable[[Request, Answer], None] = lambda request, answer: None
    ) -> None:
        """Serve at once; `observe` sees what the emulator itself has answered, whatever the client gets."""
        self._upstream = upstream
        self._observe = observe
        self._rule: Rule | None = None
        self.faults = 0
        """Requests that a fault concerned, or that the emulator did not answer."""
        handler = type("_Handler", (_Handler,), {"proxy": self})
        self._server = http.server.ThreadingHTTPServer((HOST, 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://{HOST}:{self._server.server_port}"

    @contextmanager
    def fault(self, rule: Rule) -> Iterator[None]:
        """Answer by `rule` while the context lasts."""
        self._rule = rule
        try:
            yield
        finally:
            self._rule = None

    def close(self) -> None:
        """Take no more requests."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: Request) -> Answer:
        """Raises NoAnswer, also where the emulator gives none."""
        rule = self._rule
        try:
            answer = None if rule is None else rule(request, self._forward)
            if answer is None:
                return self._forward(request)
        except NoAnswer:
            self.faults += 1
            raise
        self.faults += 1
        return answer

    def _forward(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self._upstream, timeout=_UPSTREAM_TIMEOUT_SECONDS)
        try:
            connection.request(request.method, request.path, request.body, dict(request.headers))
            response = connection.getresponse()
            headers = {name: value for name, value in response.getheaders() if _is_passed_on(name)}
            answer = Answer(response.status, response.read(), headers)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer from error
        finally:
            connection.close()
        self._observe(request, answer)
        return answer


def _is_passed_on(header: str) -> bool:
    return header.lower() not in _NOT_PASSED_ON


class _Handler(http.server.BaseHTTPRequestHandler):
    proxy: HttpProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        headers = {name: value for name, value in self.headers.items() if _is_passed_on(name)}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            answer = self.proxy.answer(Request(self.command, self.path, headers, body))
        except NoAnswer:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def handle(self) -> None:
        """Serve until the client hangs up, which it may do at any moment."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def refusal(status: int, reason: str) -> Answer:
    """An answer, in the shape of BigQuery and Cloud Storage, that refuses the whole request."""
    details = {"reason": reason, "message": f"{reason}, on purpose", "domain": "global"}
    body = {"error": {"code": status, "message": details["message"], "errors": [details]}}
    return Answer(status, orjson.dumps(body))


def always(answer: Answer) -> Rule:
    """The same answer to everything; nothing reaches the emulator."""
    return lambda request, forward: answer


def never(over: threading.Event, met: threading.Event | None = None) -> Rule:
    """Take the request and say nothing until the fault is `over`, then hang up; set `met` at the first."""

    def rule(request: Request, forward: Forward) -> Answer:
        if met is not None:
            met.set()
        over.wait()
        raise NoAnswer

    return rule


def slow(seconds: float) -> Rule:
    """The emulator's answer, later."""

    def rule(request: Request, forward: Forward) -> Answer:
        time.sleep(seconds)
        return forward(request)

    return rule


def lose_answer(request: Request, forward: Forward) -> Answer:
    """The emulator does what it is asked, and nobody hears of it."""
    forward(request)
    raise NoAnswer
