from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pubsub import servers
from tests.pubsub.endpoint import Endpoint
from tests.pubsub.shop import Shop

PRESENT = servers.present()


def pytest_report_header() -> str:
    missing = "" if "official" in PRESENT else " (the official emulator is not installed on this machine)"
    return f"Pub/Sub servers under test: {', '.join(PRESENT)}{missing}"


@pytest.fixture(scope="session", params=list(PRESENT))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of each server in turn."""
    with PRESENT[request.param](tmp_path_factory.mktemp(request.param)) as address:
        yield address


@pytest.fixture
def shop(server: str) -> Iterator[Shop]:
    """A topic and a subscription of the test's own, on each server in turn."""
    yield from _shop(server)


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of our own server: for what the official emulator does differently from the service."""
    with servers.embedded(tmp_path_factory.mktemp("embedded-only")) as address:
        yield address


@pytest.fixture
def embedded_shop(embedded_server: str) -> Iterator[Shop]:
    yield from _shop(embedded_server)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A real HTTP server that messages are pushed to."""
    with Endpoint() as running:
        yield running


def _shop(address: str) -> Iterator[Shop]:
    shop = Shop(address)
    yield shop
    shop.close()
