from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from google.cloud import bigquery

from pipeline.bigquery_client import bigquery_client
from tests.bigquery.stub_server import StubBigQuery

_datasets = itertools.count()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubBigQuery]:
    server = StubBigQuery()
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    yield server
    server.close()


@pytest.fixture
def stub_client(stub: StubBigQuery) -> bigquery.Client:
    return bigquery_client("local-shop")


@pytest.fixture
def dataset() -> str:
    """A dataset of the test's own, and so circuits of its own."""
    return f"local-shop.outage{next(_datasets)}"


@pytest.fixture
def table(dataset: str) -> str:
    return f"{dataset}.orders"
