"""What the scripts of cloudbuild.yaml do on the deployed branch, on another, and in the first build."""

from __future__ import annotations

import subprocess
from typing import Any

from tests.template.files import REPOSITORY, yaml_of

BUILD = yaml_of("cloudbuild.yaml")
SCRIPTS = {step["id"]: step["args"][1] for step in BUILD["steps"] if step.get("entrypoint") == "bash"}


def run_script(step: str, tmp_path: Any, **values: str) -> list[str]:
    """Run a step's script with `gcloud` and `python3` replaced by programs that note how they are called."""
    calls = tmp_path / "calls"
    for program in ("gcloud", "python3"):
        (tmp_path / program).write_text(f'#!/bin/sh\necho {program} "$@" >> {calls}\n')
        (tmp_path / program).chmod(0o755)
    script: str = SCRIPTS[step]
    for _ in range(2):  # the values of substitutions hold substitutions
        for name, value in {**BUILD["substitutions"], **values}.items():
            script = script.replace(f"${{{name}}}", value)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    bash = ["bash", "-ceu", script.replace("$$", "$")]
    subprocess.run(bash, env=environment, check=True, capture_output=True, cwd=REPOSITORY)
    return calls.read_text().splitlines() if calls.exists() else []


def test_latest_is_the_deployed_branch(tmp_path: Any) -> None:
    calls = run_script("publish", tmp_path, PROJECT_ID="p", SHORT_SHA="ab12", BRANCH_NAME="main")
    root = "gs://p-shop-events-templates/pipeline"
    assert calls == [
        f"gcloud storage cp /workspace/streaming.json {root}/ab12.json",
        f"gcloud storage cp /workspace/backfill.json {root}/ab12-backfill.json",
        f"gcloud storage cp schemas.json {root}/ab12-schemas.json",
        f"gcloud storage cp /workspace/streaming.json {root}/latest.json",
        f"gcloud storage cp /workspace/backfill.json {root}/latest-backfill.json",
        f"gcloud storage cp schemas.json {root}/latest-schemas.json",
    ]


def test_the_first_build_by_hand_makes_latest_and_launches_nothing(tmp_path: Any) -> None:
    values = {"PROJECT_ID": "p", "SHORT_SHA": "ab12", "BRANCH_NAME": "first", "_PUBLISH_LATEST": "true"}
    assert [call.split("/")[-1] for call in run_script("publish", tmp_path, **values)] == [
        "ab12.json",
        "ab12-backfill.json",
        "ab12-schemas.json",
        "latest.json",
        "latest-backfill.json",
        "latest-schemas.json",
    ]
    (tmp_path / "calls").unlink()
    assert run_script("launch", tmp_path, **values) == []


def test_another_branch_publishes_its_template_and_changes_no_job(tmp_path: Any) -> None:
    values = {"PROJECT_ID": "p", "SHORT_SHA": "ab12", "BRANCH_NAME": "try-out"}
    assert [call.split("/")[-1] for call in run_script("publish", tmp_path, **values)] == [
        "ab12.json",
        "ab12-backfill.json",
        "ab12-schemas.json",
    ]
    (tmp_path / "calls").unlink()
    assert run_script("launch", tmp_path, **values) == []


def test_the_deployed_branch_is_launched_with_the_original_parameters(tmp_path: Any) -> None:
    values = {
        "PROJECT_ID": "p",
        "SHORT_SHA": "ab12",
        "BRANCH_NAME": "main",
        "_LAUNCH_FLAGS": "--max-workers=10",
    }
    assert run_script("launch", tmp_path, **values) == [
        "python3 deploy/launch.py --project=p --region=europe-west1 --job_name=order-pipeline "
        "--template=gs://p-shop-events-templates/pipeline/ab12.json --if_incompatible=drain "
        "--parameter=input_subscription=projects/p/subscriptions/events-sub "
        "--parameter=output_bucket=gs://p-shop-events --parameter=bq_dataset=p:ecommerce_events "
        "-- --service-account-email=pipeline-worker@p.iam.gserviceaccount.com "
        "--staging-location=gs://p-shop-events-staging/staging "
        "--temp-location=gs://p-shop-events-staging/temp --max-workers=10"
    ]
