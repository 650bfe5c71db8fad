"""A bucket that keeps Cloud Storage's generation preconditions, which the emulator ignores.

Speaks the requests of the JSON API that markers and erasure need: get an object's metadata, list all,
multipart upload, delete; and answers 412 when `ifGenerationMatch` is not the object's generation.
"""

from __future__ import annotations

import json
import threading
from email import message_from_bytes
from http.server import ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.preflight.json_answers import JsonHandler


class StrictBucket:
    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.is_down = False
        self._generations = count(1_000)
        self._lock = threading.Lock()
        bucket = self

        class Handler(JsonHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with bucket._lock:
                    is_list = urlsplit(self.path).path.endswith("/o")
                    self.answer(*(bucket._list() if is_list else bucket._get(self._name())))

            def do_DELETE(self) -> None:
                with bucket._lock:
                    self.answer(*bucket._delete(self._name(), self._expected()))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
                parts: Any = message_from_bytes(head + body).get_payload()
                resource = json.loads(parts[0].get_payload())
                with bucket._lock:
                    self.answer(*bucket._upload(resource, self._expected()))

            def _name(self) -> str:
                return unquote(urlsplit(self.path).path.rpartition("/o/")[2])

            def _expected(self) -> int | None:
                query = parse_qs(urlsplit(self.path).query)
                return int(query["ifGenerationMatch"][0]) if "ifGenerationMatch" in query else None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _get(self, name: str) -> tuple[int, object]:
        if self.is_down:
            return 403, {"error": {"message": "forbidden"}}
        return (200, self.objects[name]) if name in self.objects else (404, {"error": {"message": "none"}})

    def _list(self) -> tuple[int, object]:
        return 200, {"items": list(self.objects.values())}

    def _upload(self, resource: dict[str, Any], expected: int | None) -> tuple[int, object]:
        name = resource["name"]
        if not self._is_expected(name, expected):
            return 412, {"error": {"message": "conditionNotMet"}}
        self.objects[name] = {**resource, "generation": str(next(self._generations))}
        return 200, self.objects[name]

    def _delete(self, name: str, expected: int | None) -> tuple[int, object]:
        if name not in self.objects:
            return 404, {"error": {"message": "none"}}
        if not self._is_expected(name, expected):
            return 412, {"error": {"message": "conditionNotMet"}}
        del self.objects[name]
        return 204, b""

    def _is_expected(self, name: str, expected: int | None) -> bool:
        return expected is None or expected == int(self.objects.get(name, {}).get("generation", 0))
