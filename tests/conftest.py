from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The laptop stack with the embedded Pub/Sub server, started once for all tests that want it."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running
