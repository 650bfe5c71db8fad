"""deploy/launch.py against a gcloud that plays along: which commands it gives, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.graph.steps import graph_steps
from tests.template.files import REPOSITORY, json_of

PLACE = ["--project=my-project", "--region=europe-west1"]
TEMPLATE = "gs://my-templates/pipeline/ab12.json"
RUN = [
    *("dataflow", "flex-template", "run", "order-pipeline", *PLACE),
    f"--template-file-gcs-location={TEMPLATE}",
    "--parameters=^~^input_subscription=projects/p/subscriptions/s~output_bucket=gs://b",
    "--max-workers=10",
]
INCOMPATIBLE = (
    "Workflow failed. Causes: The new job is not compatible with old. The original job has not been aborted."
)


class Ended(NamedTuple):
    """How a launch ended, and what it asked of gcloud: looks at the state of affairs left out."""

    code: int
    out: str
    err: str
    done: list[list[str]]


Launch = Callable[..., Ended]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    gcloud = tmp_path / "bin" / "gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text(f'#!/bin/sh\nexec {sys.executable} {REPOSITORY}/tests/template/fake_gcloud.py "$@"\n')
    gcloud.chmod(0o755)

    script = tmp_path / "launch.py"
    script.write_text((REPOSITORY / "deploy" / "launch.py").read_text())
    (tmp_path / "transform_names.json").write_text("{}")  # whatever waits to be deployed now

    def run(world: dict[str, Any], *flags: str) -> Ended:
        (tmp_path / "world.json").write_text(json.dumps({"active": [], "states": {}, "new": [], **world}))
        ended = subprocess.run(
            [
                *(sys.executable, str(script), *PLACE, f"--template={TEMPLATE}", "--poll_seconds=0"),
                "--parameter=input_subscription=projects/p/subscriptions/s",
                *("--parameter=output_bucket=gs://b", *flags, "--", "--max-workers=10"),
            ],
            env={**os.environ, "PATH": f"{gcloud.parent}:{os.environ['PATH']}", "FAKE_GCLOUD": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
        done = [call for call in map(json.loads, calls) if call[2] in ("drain", "run")]
        return Ended(ended.returncode, ended.stdout, ended.stderr, done)

    return run


def launched(*more: str) -> list[str]:
    return [*RUN, *more, "--format=value(job.id)"]


def test_without_a_job_one_is_launched_and_waited_for(launch: Launch) -> None:
    states = ["JOB_STATE_QUEUED", "JOB_STATE_PENDING", "JOB_STATE_RUNNING"]
    ended = launch({"new": ["new"], "states": {"new": states}})
    assert (ended.code, ended.done) == (0, [launched()])
    assert ended.out.splitlines() == [f"job new is launched from {TEMPLATE}", "job new runs"]


def test_a_running_job_is_updated(launch: Launch) -> None:
    running = ["JOB_STATE_RUNNING"]
    ended = launch({"active": ["old"], "new": ["new"], "states": {"old": running, "new": running}})
    assert (ended.code, ended.done) == (0, [launched("--update")])


def test_a_job_that_is_starting_is_waited_for_and_updated(launch: Launch) -> None:
    states = {"old": ["JOB_STATE_QUEUED", "JOB_STATE_RUNNING"], "new": ["JOB_STATE_RUNNING"]}
    assert launch({"active": ["old"], "new": ["new"], "states": states}).done == [launched("--update")]


def test_renamed_steps_are_mapped(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "transform_names.json").write_text('{"Parse/A, B": "ParseMessages/AB", "Old": ""}')
    running = ["JOB_STATE_RUNNING"]
    world = {"active": ["old"], "new": ["new"], "states": {"old": running, "new": running}}
    assert launch(world).done == [
        launched("--update", "--transform-name-mappings=^~^Parse/A, B=ParseMessages/AB~Old=")
    ]


def refused(reason: str) -> dict[str, Any]:
    return {
        "active": ["old"],
        "new": ["refused", "fresh"],
        "states": {
            "old": ["JOB_STATE_RUNNING", "JOB_STATE_RUNNING", "JOB_STATE_DRAINING", "JOB_STATE_DRAINED"],
            "refused": ["JOB_STATE_QUEUED", "JOB_STATE_FAILED"],
            "fresh": ["JOB_STATE_RUNNING"],
        },
        "log": {"refused": reason} if reason else {},
    }


def test_an_incompatible_version_drains_the_old_job_and_starts_anew(launch: Launch) -> None:
    ended = launch(refused(INCOMPATIBLE), "--if_incompatible=drain")
    assert (ended.code, ended.err) == (0, "")
    assert ended.done == [launched("--update"), ["dataflow", "jobs", "drain", "old", *PLACE], launched()]


def test_an_incompatible_version_leaves_the_old_job_alone_unless_asked_to_drain(launch: Launch) -> None:
    ended = launch(refused(INCOMPATIBLE))
    assert (ended.code, ended.done) == (1, [launched("--update")])
    assert ended.err == (
        "error: the new version is incompatible with the state of old, which goes on: map renamed steps in "
        "transform_names.json, or launch with --if_incompatible=drain.\n"
    )


@pytest.mark.parametrize("reason", ["", "Workflow failed. Causes: The image cannot be pulled."])
def test_a_version_that_fails_for_another_reason_never_drains_the_old_job(
    launch: Launch, reason: str
) -> None:
    ended = launch(refused(reason), "--if_incompatible=drain")
    assert (ended.code, ended.done) == (1, [launched("--update")])
    assert ended.err == "error: job refused has failed, and old goes on: see the new job's log.\n"


@pytest.mark.parametrize(
    ("going", "gone"),
    [
        (["JOB_STATE_DRAINING"], "JOB_STATE_DRAINED"),
        (["JOB_STATE_CANCELLING"], "JOB_STATE_CANCELLED"),
        (["JOB_STATE_CANCELLING", "JOB_STATE_RESOURCE_CLEANING_UP"], "JOB_STATE_CANCELLED"),
        (["JOB_STATE_RESOURCE_CLEANING_UP"], "JOB_STATE_FAILED"),
        (["JOB_STATE_QUEUED", "JOB_STATE_CANCELLING"], "JOB_STATE_CANCELLED"),
    ],
)
def test_a_job_that_is_ending_is_waited_for_and_not_drained(
    launch: Launch, going: list[str], gone: str
) -> None:
    world = {
        "active": ["old"],
        "new": ["new"],
        "states": {"old": [*going, going[-1], gone], "new": ["JOB_STATE_RUNNING"]},
    }
    ended = launch(world)
    assert (ended.code, ended.done) == (0, [launched()])


def test_a_job_that_somebody_cancels_during_the_update_is_not_drained(launch: Launch) -> None:
    world = refused(INCOMPATIBLE)
    world["states"]["old"] = ["JOB_STATE_RUNNING", "JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED"]
    ended = launch(world, "--if_incompatible=drain")
    assert (ended.code, ended.done) == (0, [launched("--update"), launched()])


def test_a_job_that_ends_before_it_runs_is_an_error(launch: Launch) -> None:
    ended = launch({"new": ["new"], "states": {"new": ["JOB_STATE_QUEUED", "JOB_STATE_FAILED"]}})
    assert (ended.code, ended.err) == (
        1,
        "error: job new has ended in JOB_STATE_FAILED before it ran, and none is active: see its log.\n",
    )


def test_a_job_that_never_runs_is_given_up(launch: Launch) -> None:
    ended = launch({"new": ["new"], "states": {"new": ["JOB_STATE_QUEUED"]}}, "--wait_minutes=0.001")
    assert (ended.code, ended.err) == (
        1,
        "error: job new is still in JOB_STATE_QUEUED after 0.001 minutes.\n",
    )


def test_two_jobs_of_one_name_are_left_to_a_person(launch: Launch) -> None:
    ended = launch({"active": ["one", "two"]})
    assert (ended.code, ended.done) == (1, [])
    assert ended.err == "error: several active jobs are called order-pipeline: one, two; drain all but one.\n"


def test_what_gcloud_says_is_passed_on(launch: Launch) -> None:
    ended = launch({"fails": {"list": "ERROR: (gcloud.dataflow.jobs.list) PERMISSION_DENIED"}})
    assert ended.err == (
        "error: gcloud dataflow jobs list failed: ERROR: (gcloud.dataflow.jobs.list) PERMISSION_DENIED\n"
    )


@pytest.mark.parametrize("flags", [["--parameter=a"], ["--if_incompatible=perhaps"], ["--template=x.json"]])
def test_a_wrong_flag_ends_before_gcloud_is_called(launch: Launch, flags: list[str]) -> None:
    ended = launch({}, *flags)
    assert (ended.code, ended.done) == (2, [])


def test_a_delimiter_is_chosen_that_stands_in_no_value(launch: Launch) -> None:
    world = {"new": ["new"], "states": {"new": ["JOB_STATE_RUNNING"]}}
    (call,) = launch(world, "--parameter=run_id=a~b,c").done
    assert call[7] == (
        "--parameters=^|^input_subscription=projects/p/subscriptions/s|output_bucket=gs://b|run_id=a~b,c"
    )


def test_a_mapped_step_exists_today() -> None:
    steps = graph_steps()
    new_names = [new for new in json_of("deploy/transform_names.json").values() if new]
    assert [new for new in new_names if not any(f"{step}/".startswith(f"{new}/") for step in steps)] == []
