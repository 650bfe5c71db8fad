from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.stack import Stack
from tests.archive.archiver_process import ArchiverProcess
from tests.archive.shop import Shop


@pytest.fixture(scope="module")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Pub/Sub and Cloud Storage without an archiver: the tests start their own."""
    with Stack(tmp_path_factory.mktemp("archive") / "state", parts={"pubsub", "storage"}) as stack:
        yield stack


@pytest.fixture
def shop(emulators: Stack) -> Iterator[Shop]:
    """A topic, its subscriptions and a folder of the test's own."""
    environment = emulators.environment
    shop = Shop(environment["PUBSUB_EMULATOR_HOST"], environment["STORAGE_EMULATOR_HOST"])
    yield shop
    shop.close()


@pytest.fixture
def start_archiver(tmp_path: Path) -> Iterator[Callable[..., ArchiverProcess]]:
    started: list[ArchiverProcess] = []

    def start(shop: Shop, every_seconds: int = 1) -> ArchiverProcess:
        archiver = ArchiverProcess(shop, every_seconds, tmp_path / f"archiver-{len(started)}.log")
        started.append(archiver)
        return archiver

    yield start
    for archiver in started:
        archiver.kill()
