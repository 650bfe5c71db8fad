"""A gate before the BigQuery emulator: closed, it answers inserts as BigQuery does on a bad day."""

from __future__ import annotations

import http.client
import http.server
import threading

from tests.bigquery.stub_server import error

AWAY = error(503, "backendError", "The gate is closed.")


class Gate:
    """Passes everything on while `is_open`, and all but streaming inserts while it is not."""

    def __init__(self, address: str) -> None:
        self.is_open = True
        gate, host = self, address.removeprefix("http://")

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if not gate.is_open and self.path.partition("?")[0].endswith("/insertAll"):
                    self._answer(AWAY.status, AWAY.body)
                    return
                connection = http.client.HTTPConnection(host, timeout=30)
                connection.request("POST", self.path, body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                self._answer(answer.status, answer.read())
                connection.close()

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
