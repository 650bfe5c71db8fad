"""The graph as Dataflow would get it: it builds offline, and its step names last."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import Stack
from tests.graph.steps import FLAGS, graph_steps

DRY_RUN = """
import sys
from apache_beam.internal.gcp import auth
auth._Credentials._credentials_init = True  # anonymous, without half a minute's search for others
from pipeline.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_no_step_name_depends_on_a_line_number() -> None:
    assert not [name for name in graph_steps() if ".py:" in name or "<lambda" in name]


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[dict[str, str]]:
    with Stack(tmp_path / "state", parts={"storage"}) as stack:
        yield dict(stack.environment)


def test_the_graph_becomes_a_dataflow_job_offline(storage: dict[str, str]) -> None:
    command = [
        *(sys.executable, "-c", DRY_RUN, *FLAGS),
        "--runner=DataflowRunner",
        "--project=my-project",
        "--region=europe-west1",
        "--temp_location=gs://shop-events-output/tmp",
        "--sdk_location=container",
        "--dry_run=True",
    ]
    run = subprocess.run(command, env={**os.environ, **storage}, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
