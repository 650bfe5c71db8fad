"""Runs the comparison once for all tests, and prints its table at the end: `make parity`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.parity.both import BEFORE_AND_AFTER, Parity, run_both_ways
from tests.parity.comparison import as_table
from tests.parity.sides import SIDES

TABLE = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def parity(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Parity:
    found = run_both_ways(tmp_path_factory.mktemp("parity"), _printer(request.config))
    request.config.stash[TABLE] = [
        *as_table("each in a dataset of its own", SIDES, found.sides.values()),
        "",
        *as_table("a backfill on top of the live run", BEFORE_AND_AFTER, found.repeated.values()),
    ]
    return found


def _printer(config: pytest.Config) -> Callable[[str], None]:
    """What prints a line at once, though the output of tests is kept back; in a worker process, nothing."""
    terminal = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        if terminal is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                terminal.ensure_newline()
                terminal.write_line(line)

    return say


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table, whether the tests have passed or not."""
    if TABLE in config.stash:
        terminalreporter.section("parity")
        for line in config.stash[TABLE]:
            terminalreporter.write_line(line)
