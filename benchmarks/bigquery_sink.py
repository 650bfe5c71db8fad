"""CPU per row of our BigQuery sink against Beam's own streaming inserts.

    python -m benchmarks.bigquery_sink [--rows 20000] [--repetitions 5]

Both sides send the same rows, 500 a request, over HTTP to a server in another process that answers
`{}`, so that only the client's work is counted: user and system CPU time of this process, threads
included. Repetitions are interleaved; medians are compared.

- ours: the DoFn inside WriteEvents, on chunks of 500 events: grouping by table, building and
  sending the requests, reading the answers, sorting events into written and refused.
- ours, public client: the same rows through `Client.insert_rows_json`, which decodes and encodes
  each row again: what the sink would cost without its own request body.
- stock: the DoFn inside WriteToBigQuery (BigQueryWriteFn), row by row with ready insert ids: its
  size check, buffering and request. Not counted, though WriteEventsStock needs them too: decoding
  the rows to dicts, the random ids and the reshuffle before it (24 to 31 µs), the join after it.
"""

from __future__ import annotations

import argparse
import http.server
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from apache_beam.io.gcp.bigquery import BigQueryDisposition, BigQueryWriteFn
from apache_beam.transforms.window import GlobalWindows

from pipeline.bigquery_client import bigquery_client, table_id
from pipeline.bigquery_rows import InsertSettings
from pipeline.bigquery_sink import WriteEvents
from pipeline.elements import Event, RawMessage

DATASET = "local-shop:ecommerce_events"
TABLE = table_id(DATASET, "orders")
CHUNK_ROWS = 500


class Accept(http.server.BaseHTTPRequestHandler):
    """Answers every insert with success."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Read the request to its end and answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


def serve(port: Any) -> None:
    """Run the server and put its port into the shared `port`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Accept)
    port.value = server.server_port
    server.serve_forever()


def order(number: int) -> Event:
    """Return an order with two items; its row takes about 630 bytes."""
    event_id = f"8b1f0c9e-5a55-4d3c-9f0e-{number:012d}"
    row = {
        "order_id": f"order-{number}",
        "customer_id": f"customer-{number % 997}",
        "order_date": "2026-03-01T12:00:00.123456Z",
        "status": "pending",
        "total_amount": 122.47,
        "items": [
            {
                "product_id": f"product-{number % 89 + n}",
                "product_name": "Enamel tea pot",
                "category": "kitchen",
                "quantity": n + 1,
                "unit_price": 19.5 + n,
            }
            for n in range(2)
        ],
        "shipping_address": {
            "street": "1 Market Street",
            "city": "Köln",
            "state": None,
            "postal_code": "50667",
            "country": "DE",
        },
    }
    return Event("order", event_id, 1, orjson.dumps(row), 0, 0, 0, False, RawMessage(b"", {}, None, None))


def no_clock() -> int:
    """Stand in for the clock: no row is refused here."""
    return 0


def ours(chunks: Iterable[list[Event]]) -> Callable[[], None]:
    """Return a run of the sink's DoFn."""
    insert = WriteEvents(DATASET, {"order": "orders"}, InsertSettings(), no_clock)._insert

    def run() -> None:
        for chunk in chunks:
            (written,) = insert.process(chunk)
            assert len(written) == len(chunk)

    return run


def public_client(chunks: Iterable[list[Event]]) -> Callable[[], None]:
    """Return a run of google-cloud-bigquery's own method."""
    client = bigquery_client("local-shop")

    def run() -> None:
        for chunk in chunks:
            errors = client.insert_rows_json(
                TABLE,
                [orjson.loads(event.row) for event in chunk],
                row_ids=[event.event_id for event in chunk],
                skip_invalid_rows=True,
            )
            assert not errors

    return run


def stock(chunks: Iterable[list[Event]]) -> Callable[[], None]:
    """Return a run of the DoFn in WriteToBigQuery, a bundle per chunk."""
    rows = [[(orjson.loads(event.row), event.event_id) for event in chunk] for chunk in chunks]
    # With a client given, Beam does not look for Google's credentials.
    write = BigQueryWriteFn(
        batch_size=CHUNK_ROWS,
        create_disposition=BigQueryDisposition.CREATE_NEVER,
        test_client=bigquery_client("local-shop"),
    )
    destination = TABLE.replace(".", ":", 1)

    def run() -> None:
        for chunk in rows:
            write.start_bundle()
            for row in chunk:
                failed = write.process((destination, row), GlobalWindows.windowed_value(None))
                assert not list(failed or ())
            assert not list(write.finish_bundle())

    return run


def cpu_us_per_row(run: Callable[[], None], row_count: int) -> float:
    """Run once and return µs of CPU a row."""
    started = time.process_time()
    run()
    return (time.process_time() - started) / row_count * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU per row of the BigQuery sink, ours against stock.")
    parser.add_argument("--rows", type=int, default=20_000, help="rows in a repetition (default 20000)")
    parser.add_argument("--repetitions", type=int, default=5, help="repetitions of each side (default 5)")
    arguments = parser.parse_args()

    port = multiprocessing.Value("i", 0)
    server = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    server.start()
    while port.value == 0:
        time.sleep(0.01)
    os.environ["BIGQUERY_EMULATOR_HOST"] = f"http://127.0.0.1:{port.value}"

    events = [order(number) for number in range(arguments.rows)]
    chunks = [events[start : start + CHUNK_ROWS] for start in range(0, len(events), CHUNK_ROWS)]
    sides = {
        "ours": ours(chunks),
        "ours, public client": public_client(chunks),
        "stock": stock(chunks),
    }
    for run in sides.values():
        run()  # connections, imports, caches
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(arguments.repetitions):
        for name, run in sides.items():
            figures[name].append(cpu_us_per_row(run, len(events)))
    server.terminate()

    mean_bytes = sum(len(event.row) for event in events) / len(events)
    print(
        f"{len(events)} rows of {mean_bytes:.0f} bytes, {arguments.repetitions} repetitions, µs of CPU a row"
    )
    print(f"{'side':<22}{'median':>9}{'min':>9}{'max':>9}{'stock / it':>12}")
    baseline = statistics.median(figures["stock"])
    for name, values in figures.items():
        median = statistics.median(values)
        print(f"{name:<22}{median:>9.1f}{min(values):>9.1f}{max(values):>9.1f}{baseline / median:>12.1f}")


if __name__ == "__main__":
    main()
