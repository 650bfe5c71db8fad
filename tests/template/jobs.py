"""Launches as the Flex Template's launcher makes them, up to the job it would submit."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from apache_beam.internal import pickler
from apache_beam.portability.api import beam_runner_api_pb2
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from tests.template.files import IMAGE

BUCKET = "shop-events-output"
ANONYMOUS = Path(__file__).with_name("anonymous")
STREAMING = (
    "--input_subscription=projects/my-project/subscriptions/events-sub",
    f"--output_bucket=gs://{BUCKET}",
    "--bq_dataset=my-project:ecommerce_events",
)
BACKFILL = (
    "--is_backfill=true",
    f"--input_path=gs://{BUCKET}/raw/*.jsonl",
    f"--output_bucket=gs://{BUCKET}",
    "--bq_dataset=local-shop:ecommerce_events",
)
OF_THE_LAUNCHER = (
    "--streaming=true",
    "--enable_streaming_engine=true",
    "--use_public_ips=false",
    '--additional_user_labels={"team": "shop"}',
    f"--save_heap_dumps_to_gcs_path=gs://{BUCKET}/dumps",
)
"""Flags as Dataflow may make them of a launch's environment: some have values that Beam for Python does not
take, some it does not know."""


class Job(NamedTuple):
    """What a launch left: the job as Dataflow's API takes it, its graph, the names of what was staged."""

    described: dict[str, Any]
    graph: beam_runner_api_pb2.Pipeline
    staged: list[str]

    @property
    def options(self) -> dict[str, Any]:
        """Beam's options, as the workers will have them."""
        options: dict[str, Any] = self.described["environment"]["sdkPipelineOptions"]["options"]
        return options

    def do_fn(self, step: str) -> Any:
        """What a step of this full name runs, unpickled as on a worker."""
        (payload,) = (
            beam_runner_api_pb2.ParDoPayload.FromString(each.spec.payload)
            for each in self.graph.components.transforms.values()
            if each.unique_name == step
        )
        return pickler.loads(payload.do_fn.payload)[0]


def client(environment: Mapping[str, str]) -> storage.Client:
    return storage.Client(
        project="local-shop",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": environment["STORAGE_EMULATOR_HOST"]},
    )


def run_main(
    python: str | Path, main: Path, environment: Mapping[str, str], folder: Path, *flags: str
) -> subprocess.CompletedProcess[str]:
    """Run main.py as the launcher does: from elsewhere, with Dataflow's flags beside those of the template.

    With --template_location, which the launcher gives, Beam writes the job to a file and submits nothing.
    There is no --update here: Beam asks Dataflow for the old job's id then.
    """
    return subprocess.run(
        [
            *(str(python), str(main), *flags),
            *("--runner=DataflowRunner", "--project=my-project", "--region=europe-west1"),
            *("--job_name=order-pipeline", '--labels={"goog-dataflow-provided-template-type": "flex"}'),
            f"--staging_location=gs://{BUCKET}/staging",
            f"--temp_location=gs://{BUCKET}/temp",
            *("--machine_type=n2-standard-2", "--subnetwork=regions/europe-west1/subnetworks/order-pipeline"),
            "--service_account_email=pipeline-worker@my-project.iam.gserviceaccount.com",
            f"--template_location={folder / 'job_object'}",
        ],
        env={
            "PATH": os.environ["PATH"],
            "PIPELINE_IMAGE": IMAGE,
            "PYTHONPATH": str(ANONYMOUS),
            **environment,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def read_job(folder: Path, environment: Mapping[str, str]) -> Job:
    """The job that a launch from `folder` left."""
    described = json.loads((folder / "job_object").read_text())
    job = Job(described, beam_runner_api_pb2.Pipeline(), [])
    prefix = job.options["staging_location"].removeprefix(f"gs://{BUCKET}/")
    found = client(environment).list_blobs(BUCKET, prefix=f"{prefix}/")
    blobs = {blob.name.removeprefix(f"{prefix}/"): blob for blob in found}
    job.graph.ParseFromString(blobs["pipeline.pb"].download_as_bytes())
    return job._replace(staged=sorted(blobs))
