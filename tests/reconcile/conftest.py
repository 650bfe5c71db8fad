from __future__ import annotations

import pytest

from local.stack import Stack
from tests.endtoend.plant import Plant


@pytest.fixture
def plant(stack: Stack) -> Plant:
    """Resources of the test's own."""
    return Plant(stack)
