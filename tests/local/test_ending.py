"""However the stack ends, nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from local.errors import StackError
from local.services import official_pubsub_script
from local.stack import Stack
from local.state import StateFolder


def alive(pids: set[int]) -> set[int]:
    """Return which of `pids` still run; a zombie does not."""
    table = subprocess.run(["ps", "-axo", "pid=,stat="], capture_output=True, text=True, check=True)
    states = {int(pid): state for pid, state in map(str.split, table.stdout.splitlines())}
    return {pid for pid in pids if not states.get(pid, "Z").startswith("Z")}


def test_sigterm_leaves_no_process_and_the_data_for_sql(
    start_up: Callable[..., Any], local_command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    up = start_up()
    up.variables()
    children = up.descendants()
    assert len(children) >= 4
    code, _, errors = up.end(signal.SIGTERM)
    assert (code, errors, alive(children)) == (0, "", set())
    assert not up.env_file.exists()
    done = local_command("sql", "SELECT COUNT(*) AS n FROM orders_deduplicated", "--state", str(up.state))
    assert (done.stdout, done.stderr) == ("n\n-\n0\n(1 row)\n", "")
    assert StateFolder(up.state).recorded() is None


def test_sigint_while_starting_leaves_no_process(start_up: Callable[..., Any]) -> None:
    up = start_up()
    deadline = time.monotonic() + 30
    while len(children := up.descendants()) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    code, _, errors = up.end(signal.SIGINT)
    assert (code, errors, alive(children)) == (0, "", set())
    assert not up.env_file.exists()


def test_part_that_dies_is_named_with_its_log_and_ends_the_stack(start_up: Callable[..., Any]) -> None:
    up = start_up()
    up.variables()
    children = up.descendants()
    table = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True)
    (storage,) = [
        pid
        for pid, command in (line.split(maxsplit=1) for line in table.stdout.splitlines())
        if int(pid) in children and "local.storage_server" in command
    ]
    os.kill(int(storage), signal.SIGKILL)
    code, _, errors = up.wait()
    assert code == 1
    assert errors.startswith("Cloud Storage was ended by SIGKILL.\n  End of ")
    assert f"{up.state}/logs/storage.log" in errors
    assert alive(children) == set()
    assert not up.env_file.exists()


def test_killed_stack_takes_its_parts_with_it(start_up: Callable[..., Any]) -> None:
    up = start_up()
    up.variables()
    children = up.descendants()
    up.end(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while alive(children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(children) == set()


@pytest.mark.skipif(official_pubsub_script() is None, reason="this machine lacks gcloud's emulator or Java")
@pytest.mark.parametrize("kind", ["official", "auto"])
def test_official_pubsub_emulator_gets_the_topics_and_ends(tmp_path: Path, kind: str) -> None:
    with Stack(tmp_path / "state", pubsub=kind, parts={"pubsub"}) as stack:
        service = stack.service("pubsub")
        assert service.name == "Pub/Sub (official)"
        with grpc.insecure_channel(service.address) as channel:
            publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
            topics = {t.name for t in publisher.list_topics(project="projects/local-shop", timeout=5)}
        pid = service.pid
    assert topics == {f"projects/local-shop/topics/{t}" for t in ("events", "events-dlq", "order-alerts")}
    assert pid is not None
    assert alive({pid}) == set()


def test_auto_means_embedded_where_the_official_emulator_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with Stack(tmp_path / "state", pubsub="auto", parts={"pubsub"}) as stack:
        assert stack.service("pubsub").name == "Pub/Sub (embedded)"


def test_missing_official_emulator_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"is not installed: install Java .* or use --pubsub=embedded\."):
        Stack(tmp_path / "state", pubsub="official", parts={"pubsub"}).start()
