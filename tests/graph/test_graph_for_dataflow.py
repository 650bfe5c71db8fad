"""The graph as Dataflow would get it: it builds offline, and its step names are held."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner

from local.stack import Stack
from pipeline.graph import build_graph
from pipeline.options import parse_job
from pipeline.source import PubSubSource

FLAGS = (
    "--input_subscription=projects/my-project/subscriptions/events-sub",
    "--output_bucket=gs://shop-events-output",
    "--bq_dataset=my-project:shop",
)
STEP_NAMES = Path(__file__).with_name("step_names.txt")
DRY_RUN = """
import sys
from apache_beam.internal.gcp import auth
auth._Credentials._credentials_init = True  # anonymous, without half a minute's search for others
from pipeline.main import main
sys.exit(main(sys.argv[1:]))
"""


class _StepNames(PipelineVisitor):
    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        self.names.append(transform_node.full_label)


def test_step_names_stay_as_they_are_so_that_a_running_job_can_be_updated() -> None:
    # State on Dataflow is found by these names. After a change that is meant: write the new names into
    # step_names.txt, and give the job a --transform_name_mapping from old to new.
    pipeline = beam.Pipeline(runner=BundleBasedDirectRunner(), options=PipelineOptions(["--streaming"]))
    build_graph(
        pipeline, PubSubSource("projects/my-project/subscriptions/events-sub"), parse_job(FLAGS).graph
    )
    visitor = _StepNames()
    pipeline.visit(visitor)
    assert sorted(visitor.names) == STEP_NAMES.read_text().splitlines()


def test_no_step_name_depends_on_a_line_number() -> None:
    assert not [name for name in STEP_NAMES.read_text().splitlines() if ".py:" in name or "<lambda" in name]


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
