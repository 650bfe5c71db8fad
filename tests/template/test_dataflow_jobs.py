"""The jobs that a launch of the template would submit to Dataflow, streaming and backfill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from apache_beam.portability.api import beam_runner_api_pb2

from pipeline.errors import UsageError
from pipeline.launcher import launch_arguments
from tests.graph.steps import graph_steps
from tests.template.files import IMAGE, REPOSITORY
from tests.template.jobs import (
    ANONYMOUS,
    BACKFILL,
    BUCKET,
    OF_THE_LAUNCHER,
    STREAMING,
    Job,
    client,
    read_job,
    run_main,
)

# Four launches of some seconds each.
pytestmark = pytest.mark.slow
OF_OURS = ("--bigquery_batch_rows=321",)
"""A flag of ours that is not at its default."""


def launch(environment: dict[str, str], folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run deploy/main.py with the package of this checkout."""
    environment = {**environment, "PYTHONPATH": f"{ANONYMOUS}:{REPOSITORY}"}
    return run_main(sys.executable, REPOSITORY / "deploy" / "main.py", environment, folder, *flags)


def upload_a_file(environment: dict[str, str]) -> None:
    """Put there what a backfill reads."""
    file = client(environment).bucket(BUCKET).blob("raw/part.jsonl")
    file.upload_from_string('{"event_type": "order"}\n')


@pytest.fixture(scope="module")
def streaming(storage: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("streaming")
    run = launch(storage, folder, *STREAMING, "--max_num_workers=10", *OF_THE_LAUNCHER, *OF_OURS)
    assert (run.returncode, "Traceback" in run.stderr) == (0, False), run.stderr
    return read_job(folder, storage)


@pytest.fixture(scope="module")
def backfill(storage: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("backfill")
    upload_a_file(storage)
    run = launch(storage, folder, *BACKFILL, *OF_OURS)
    assert (run.returncode, "Traceback" in run.stderr) == (0, False), run.stderr
    return read_job(folder, storage)


@pytest.fixture(params=["streaming", "backfill"])
def job(request: pytest.FixtureRequest) -> Job:
    given: Job = request.getfixturevalue(request.param)
    return given


def test_one_is_a_streaming_job_and_the_other_a_batch_job(streaming: Job, backfill: Job) -> None:
    assert (streaming.described["type"], backfill.described["type"]) == (
        "JOB_TYPE_STREAMING",
        "JOB_TYPE_BATCH",
    )


def test_both_run_on_runner_v2(job: Job) -> None:
    assert "use_runner_v2" in job.described["environment"]["experiments"]


def test_only_streaming_uses_the_streaming_engine(streaming: Job, backfill: Job) -> None:
    engine = {"enable_streaming_engine", "enable_windmill_service"}
    assert engine < set(streaming.described["environment"]["experiments"])
    assert engine.isdisjoint(backfill.described["environment"]["experiments"])


def test_exactly_once_is_not_given_up(streaming: Job) -> None:
    assert [
        name for name in streaming.described["environment"]["experiments"] if "at_least_once" in name
    ] == []


def test_workers_run_the_image_that_launched_them(job: Job) -> None:
    (pool,) = job.described["environment"]["workerPools"]
    assert pool["workerHarnessContainerImage"] == IMAGE
    assert [each["containerImage"] for each in pool["sdkHarnessContainerImages"]] == [IMAGE]
    for environment in job.graph.components.environments.values():
        payload = beam_runner_api_pb2.DockerPayload.FromString(environment.payload)
        assert payload.container_image == IMAGE


def test_nothing_is_staged_that_a_worker_would_install_or_unpickle(job: Job) -> None:
    # The list of the launcher's packages is for people to read.
    assert job.staged == ["pipeline.pb", "submission_environment_dependencies.txt"]


def test_what_the_launch_says_reaches_the_job(streaming: Job) -> None:
    described = streaming.described
    assert (described["name"], described["labels"]) == (
        "order-pipeline",
        {"goog-dataflow-provided-template-type": "flex"},
    )
    assert described["environment"]["serviceAccountEmail"].startswith("pipeline-worker@")
    (pool,) = described["environment"]["workerPools"]
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 10


def test_flags_that_the_launcher_words_in_its_own_way_reach_the_job(streaming: Job) -> None:
    (pool,) = streaming.described["environment"]["workerPools"]
    assert pool["ipConfiguration"] == "WORKER_IP_PRIVATE"


@pytest.mark.parametrize(
    ("way", "project", "lake_step"),
    [
        ("streaming", "my-project", "WriteLake/PartitionByHour"),
        ("backfill", "local-shop", "WriteLake/WriteLargeParts/ParDo(_WriteLargeParts)"),
    ],
)
def test_the_workers_get_the_dataset_the_bucket_and_the_flags(
    way: str, project: str, lake_step: str, request: pytest.FixtureRequest
) -> None:
    job: Job = request.getfixturevalue(way)
    insert = job.do_fn("WriteEvents/InsertEvents/ParDo(_InsertEvents)")
    assert insert.tables["order"] == f"{project}.ecommerce_events.orders"
    assert insert.settings.max_batch_rows == 321
    assert job.do_fn(lake_step).settings.root == f"gs://{BUCKET}"


@pytest.mark.parametrize("flags", [STREAMING, BACKFILL], ids=["streaming", "backfill"])
def test_a_dry_run_makes_the_graph_and_submits_nothing(
    flags: tuple[str, ...], storage: dict[str, str], tmp_path: Path
) -> None:
    upload_a_file(storage)
    # Beam leaves a dry run before it describes the job, so nothing can be read of it.
    run = launch(storage, tmp_path, *flags, "--dry_run=True")
    assert (run.returncode, "Traceback" in run.stderr) == (0, False), run.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_streaming_job_reads_the_subscription_natively(streaming: Job) -> None:
    reads = [
        beam_runner_api_pb2.PubSubReadPayload.FromString(each.spec.payload)
        for each in streaming.graph.components.transforms.values()
        if each.spec.urn == "beam:transform:pubsub_read:v1"
    ]
    assert [(read.subscription, read.with_attributes, read.timestamp_attribute) for read in reads] == [
        ("projects/my-project/subscriptions/events-sub", True, "")
    ]


def test_the_backfill_reads_no_subscription(backfill: Job) -> None:
    urns = {each.spec.urn for each in backfill.graph.components.transforms.values()}
    assert "beam:transform:pubsub_read:v1" not in urns


def test_the_streaming_jobs_steps_are_those_that_the_update_gate_compares(streaming: Job) -> None:
    submitted = {each.unique_name for each in streaming.graph.components.transforms.values()}
    assert [name for name in graph_steps() if name not in submitted] == []


def test_a_wrong_parameter_ends_the_launch_with_a_sentence(storage: dict[str, str], tmp_path: Path) -> None:
    run = launch(storage, tmp_path, *STREAMING[:2], "--bq_dataset=my project")
    assert (run.returncode, run.stderr) == (
        2,
        "error: --bq_dataset=my project does not have the form PROJECT:DATASET, or none.\n",
    )
    assert not (tmp_path / "job_object").exists()


def test_an_image_without_a_name_launches_nothing() -> None:
    with pytest.raises(UsageError, match="build the image with --build-arg=IMAGE=its-name"):
        launch_arguments([], {"PIPELINE_IMAGE": ""})


@pytest.mark.parametrize("given", [["--sdk_container_image=other:1"], ["--sdk_container_image", "other:1"]])
def test_an_image_that_is_given_counts(given: list[str]) -> None:
    assert launch_arguments(given, {"PIPELINE_IMAGE": IMAGE}) == [*given, "--no_save_main_session"]
