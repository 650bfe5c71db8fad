"""How fast the generator makes and publishes messages: `python -m benchmarks.generator`.

Prints messages per second on one core for the simulation alone, with envelopes written to a file, for
days of orders and movements of stock at a low rate (what anomaly detection is scored on), and published
to the embedded Pub/Sub server (a process of its own) as fast as it takes them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from google.cloud import pubsub_v1

from generator.instants import instant_us
from generator.options import DEFAULT_START
from generator.simulation import Plan, Simulation
from pipeline.contract import load_contract

MESSAGES = 300_000
PUBLISH_SECONDS = 10
DAYS = (
    *("--seconds=864000", "--rate=0.5", "--order_seconds=21600", "--products=40", "--warehouses=2"),
    *("--event_types=order,inventory", "--seed=11", "--rhythm_amplitude=0.8", "--weekly_amplitude=0.5"),
    *("--noise=0.05", "--incident=order_spike@2d+2hx4", "--incident=order_drift@4d+1d"),
    *("--incident=stock_out@6d+1d", "--incident=fraud_burst@8d+2h", "--incident=promotion@9d+12h"),
)
TOPIC = "projects/benchmark/topics/raw"
PLAN = Plan(start_us=instant_us(DEFAULT_START), malformed_share=0.05, duplicate_share=0.02, late_share=0.02)


def simulated() -> float:
    """Return messages/s of the simulation, nothing written."""
    simulation = Simulation(PLAN, load_contract())
    begun = time.perf_counter()
    for _ in islice(simulation.messages(), MESSAGES):
        pass
    return MESSAGES / (time.perf_counter() - begun)


def written(folder: Path) -> float:
    """Return messages/s of a whole process that writes envelopes to a plain file."""
    path = folder / "events.jsonl"
    begun = time.perf_counter()
    _generate("--to=jsonl", f"--path={path}", f"--events={MESSAGES}")
    return MESSAGES / (time.perf_counter() - begun)


def written_days(folder: Path) -> float:
    """Return messages/s of a whole process that writes ten days at half a message per second, compressed."""
    path, manifest_path = folder / "days.jsonl.gz", folder / "days.json"
    begun = time.perf_counter()
    _generate("--to=jsonl", f"--path={path}", f"--manifest={manifest_path}", *DAYS)
    seconds = time.perf_counter() - begun
    published: int = json.loads(manifest_path.read_bytes())["published"]
    return published / seconds


def published(folder: Path) -> tuple[float, float]:
    """Return published messages/s, flush included, at 5,000/s and at more than can be done."""
    rates = []
    with _pubsub_server() as address:
        os.environ["PUBSUB_EMULATOR_HOST"] = address
        pubsub_v1.PublisherClient().create_topic(name=TOPIC)
        for rate in (5_000, 50_000):
            manifest_path = folder / "manifest.json"
            flags = (f"--rate={rate}", f"--seconds={PUBLISH_SECONDS}", f"--manifest={manifest_path}")
            said = _generate("--to=pubsub", f"--topic={TOPIC}", *flags)
            manifest = json.loads(manifest_path.read_bytes())
            seconds = float(said.rsplit(" messages in ", 1)[1].split(" s", 1)[0])
            if manifest["failed"]:
                raise RuntimeError(f"{manifest['failed']} messages could not be published:\n{said}")
            rates.append(manifest["published"] / seconds)
    return rates[0], rates[1]


def _generate(*flags: str) -> str:
    command = [sys.executable, "-m", "generator", *flags]
    return subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr


@contextmanager
def _pubsub_server() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder, "port")
        server = subprocess.Popen([sys.executable, "-m", "local.pubsub_server", f"--port-file={port_file}"])
        try:
            while not port_file.exists() or not port_file.read_text().strip():
                if server.poll() is not None:
                    raise RuntimeError("the embedded Pub/Sub server does not start")
                time.sleep(0.05)
            yield port_file.read_text().strip()
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"simulated, one core:              {simulated():>9,.0f} messages/s")
        print(f"written to a file, whole process: {written(folder):>9,.0f} messages/s")
        print(f"ten days at 0.5/s, compressed:    {written_days(folder):>9,.0f} messages/s")
        paced, flat_out = published(folder)
        print(f"published at --rate=5000:         {paced:>9,.0f} messages/s")
        print(f"published flat out:               {flat_out:>9,.0f} messages/s")


if __name__ == "__main__":
    main()
