from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.preflight.ground import Ground


@pytest.fixture(scope="module")
def environment(stack: Stack) -> Iterator[None]:
    """The stack's variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def ground(stack: Stack, environment: None) -> Ground:
    """Resources of the test's own."""
    return Ground(stack)
