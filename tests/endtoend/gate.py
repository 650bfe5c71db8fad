"""A gate before the BigQuery emulator: closed, it answers inserts as BigQuery does on a bad day."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from typing import Any

from tests.bigquery.stub_server import error
from tests.preflight.json_answers import JsonHandler

AWAY = error(503, "backendError", "The gate is closed.")


class Gate:
    """Passes everything on while `is_open`, and all but streaming inserts while it is not."""

    def __init__(self, address: str) -> None:
        self.is_open = True
        self.refused: set[str] = set()
        """Insert ids of rows that are refused for their own sake."""
        self.turned_away = 0
        """Requests that came while it was closed."""
        gate, host = self, address.removeprefix("http://")

        class Handler(JsonHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                errors: list[dict[str, Any]] = []
                if self.path.partition("?")[0].endswith("/insertAll"):
                    if not gate.is_open:
                        gate.turned_away += 1
                        self.answer(AWAY.status, AWAY.body)
                        return
                    body, errors = gate._without_the_refused(body)
                connection = http.client.HTTPConnection(host, timeout=30)
                connection.request("POST", self.path, body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                content = answer.read()
                self.answer(answer.status, {"insertErrors": errors} if errors else content)
                connection.close()

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _without_the_refused(self, body: bytes) -> tuple[bytes, list[dict[str, Any]]]:
        document = json.loads(body)
        rows = document["rows"]
        document["rows"] = [row for row in rows if row["insertId"] not in self.refused]
        invalid = [{"reason": "invalid", "location": "items", "message": "no such field: items."}]
        return json.dumps(document).encode(), [
            {"index": index, "errors": invalid}
            for index, row in enumerate(rows)
            if row["insertId"] in self.refused
        ]

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
