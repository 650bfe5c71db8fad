"""`python -m local.pubsub_server` as a process: when it is ready, how it ends, what it refuses."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.api_core.exceptions import Cancelled, ServiceUnavailable

from tests.pubsub.shop import Shop, data_of

COMMAND = [sys.executable, "-m", "local.pubsub_server"]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_when_ready_and_ends_on_a_signal(
    tmp_path: Path, signal_number: signal.Signals
) -> None:
    port_file = tmp_path / "address"
    command = [*COMMAND, "--port-file", str(port_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        address = port_file.read_text().strip()
        assert line == f"Pub/Sub server ready: PUBSUB_EMULATOR_HOST={address}\n"
        shop = Shop(address)
        shop.publish(b"ready")
        assert data_of(shop.pull()) == [b"ready"]
        server.send_signal(signal_number)
        rest, errors = server.communicate(timeout=10)
        shop.close()
    assert (server.returncode, rest, errors) == (0, "", "")


def test_it_ends_though_a_pull_is_waiting(tmp_path: Path) -> None:
    port_file = tmp_path / "address"
    command = [*COMMAND, "--port-file", str(port_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        shop = Shop(port_file.read_text().strip())
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(
                shop.subscriber.pull, subscription=shop.subscription, max_messages=1, retry=None, timeout=60
            )
            time.sleep(0.5)
            server.terminate()
            _, errors = server.communicate(timeout=10)
            assert isinstance(waiting.exception(10), (ServiceUnavailable, Cancelled))
        shop.close()
    assert (server.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run([*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    sentence = f"cannot listen on 127.0.0.1:{port}; choose another --port, or 0 for a free one."
    assert ended.stderr.splitlines()[-1] == sentence
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--port", "70000"], "--port: give a whole number from 0 to 65535, not 70000"),
        (["--port", "http"], "--port: give a whole number from 0 to 65535, not http"),
        (["--max-retained-mib", "0"], "--max-retained-mib: give a whole number from 1 to 1048576, not 0"),
        (["--port-file", "/no/such/directory/address"], "there is no directory /no/such/directory"),
    ],
)
def test_a_wrong_flag_ends_with_a_sentence_and_code_2(flags: list[str], sentence: str) -> None:
    ended = subprocess.run([*COMMAND, *flags], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert sentence in ended.stderr
