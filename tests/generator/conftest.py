from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from generator.messages import Message
from generator.simulation import Plan, Simulation
from pipeline.contract import Contract, load_contract
from tests.generator.reading import START_US, Simulate


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract()


@pytest.fixture(scope="session")
def simulate(contract: Contract) -> Simulate:
    """Return the first `count` messages of a plan."""

    def run(count: int, **plan: Any) -> list[Message]:
        return list(islice(Simulation(Plan(**{"start_us": START_US, **plan}), contract).messages(), count))

    return run
