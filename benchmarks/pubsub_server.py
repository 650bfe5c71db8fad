"""Messages/s through the embedded Pub/Sub server and its CPU per message: publish, receive, acknowledge.

    python -m benchmarks.pubsub_server [--messages 200000] [--batch 500]

Starts the server as a process of its own and reads that process's CPU time from /proc. The client
sends prepared bytes as far as it can, so that the server is what is measured.
"""

from __future__ import annotations

import argparse
import os
import queue
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.pubsub_v1 import types

_TOPIC = "projects/benchmark/topics/events"
_SUBSCRIPTION = "projects/benchmark/subscriptions/events"
_PAYLOAD_BYTES = 436  # the mean of the shop's events
_MESSAGE = types.PubsubMessage.pb()(
    data=b"x" * _PAYLOAD_BYTES,
    attributes={"event_type": "order", "event_id": "0123456789abcdef", "schema_version": "3"},
)
_AcknowledgeRequest = types.AcknowledgeRequest.pb()
_PullRequest = types.PullRequest.pb()
_StreamingPullRequest = types.StreamingPullRequest.pb()


class _Server:
    """The server's process and a channel to it."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self._process = process
        self.channel = grpc.insecure_channel(address)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def call(self, method: str, request: Any, response: Any = None) -> Any:
        serialized = request if isinstance(request, bytes) else request.SerializeToString()
        answer = self.channel.unary_unary(f"/google.pubsub.v1.{method}")(serialized)
        return response and response.FromString(answer)

    def acknowledge(self, response: Any) -> int:
        """Acknowledge what was received and return how many messages that were."""
        ack_ids = [received.ack_id for received in response.received_messages]
        self.call("Subscriber/Acknowledge", _AcknowledgeRequest(subscription=_SUBSCRIPTION, ack_ids=ack_ids))
        return len(ack_ids)


@contextmanager
def _running_server() -> Iterator[_Server]:
    with tempfile.TemporaryDirectory() as directory:
        port_file = Path(directory) / "address"
        command = [sys.executable, "-m", "local.pubsub_server", "--port-file", str(port_file)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not port_file.exists():
                if process.poll() is not None:
                    raise RuntimeError(f"the server ended with code {process.returncode} before it was ready")
                time.sleep(0.05)
            yield _Server(process, port_file.read_text().strip())
        finally:
            process.terminate()
            process.wait()


def _publish(server: _Server, messages: int, batch: int) -> None:
    request = types.PublishRequest.pb()(topic=_TOPIC, messages=[_MESSAGE] * batch).SerializeToString()
    for _ in range(messages // batch):
        server.call("Publisher/Publish", request)


def _pull(server: _Server, messages: int, batch: int) -> None:
    request = _PullRequest(subscription=_SUBSCRIPTION, max_messages=batch).SerializeToString()
    received = 0
    while received < messages:
        received += server.acknowledge(server.call("Subscriber/Pull", request, types.PullResponse.pb()))


def _streaming_pull(server: _Server, messages: int, batch: int) -> None:
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    requests.put(
        _StreamingPullRequest(
            subscription=_SUBSCRIPTION, stream_ack_deadline_seconds=60, max_outstanding_messages=2 * batch
        )
    )
    responses = server.channel.stream_stream(
        "/google.pubsub.v1.Subscriber/StreamingPull",
        request_serializer=_StreamingPullRequest.SerializeToString,
        response_deserializer=types.StreamingPullResponse.pb().FromString,
    )(iter(requests.get, None))
    received = 0
    for response in responses:
        received += server.acknowledge(response)
        if received >= messages:
            requests.put(None)
            return


def _measured(server: _Server, name: str, work: Callable[[_Server, int, int], None], *args: int) -> float:
    """Run a phase, print its rate, and return the server's CPU in µs a message."""
    started, cpu_started = time.perf_counter(), server.cpu_seconds()
    work(server, *args)
    rate = args[0] / (time.perf_counter() - started)
    cpu_us = (server.cpu_seconds() - cpu_started) / args[0] * 1e6
    print(f"{name:20} {rate:9,.0f} messages/s   server CPU {cpu_us:5.1f} µs a message", flush=True)
    return cpu_us


def main() -> None:
    """Measure publishing and both ways of receiving."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pubsub_server", description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=500, help="messages a request (default: %(default)s)")
    flags = parser.parse_args()
    with _running_server() as server:
        server.call("Publisher/CreateTopic", types.Topic.pb()(name=_TOPIC))
        subscription = types.Subscription.pb()(name=_SUBSCRIPTION, topic=_TOPIC, ack_deadline_seconds=600)
        server.call("Subscriber/CreateSubscription", subscription)
        for name, receive in (("pull + ack", _pull), ("streaming pull + ack", _streaming_pull)):
            publish_us = _measured(server, "publish", _publish, flags.messages, flags.batch)
            receive_us = _measured(server, name, receive, flags.messages, flags.batch)
            print(f"{'together':20} {'':20}   server CPU {publish_us + receive_us:5.1f} µs a message")


if __name__ == "__main__":
    main()
