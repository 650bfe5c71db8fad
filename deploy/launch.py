"""Put a version of the template into operation: update the running job, or launch one.

    python3 deploy/launch.py --project=P --region=R --template=gs://B/pipeline/TAG.json \\
        --parameter=input_subscription=… --parameter=output_bucket=… --parameter=bq_dataset=… \\
        -- --max-workers=10

What follows `--` goes to `gcloud dataflow flex-template run` as it is. Needs gcloud and nothing else, so that
it runs in Google's image. A running job is replaced with its state. If Dataflow says that the new version is
incompatible with that state, the old job is drained and the new one launched, or with --if_incompatible=fail
nothing is done; after any other failure the old job goes on. A job that starts is waited for until it runs, a
job that is ending until it has ended; only a running one is drained.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

TRANSFORM_NAMES = Path(__file__).with_name("transform_names.json")
STARTED = {"JOB_STATE_RUNNING"}
ENDED = {f"JOB_STATE_{state}" for state in ("DONE", "FAILED", "CANCELLED", "UPDATED", "DRAINED")}
STARTING = {"JOB_STATE_PENDING", "JOB_STATE_QUEUED", "JOB_STATE_STOPPED"}
"""Any other state is on the way to an end: draining, cancelling, cleaning up."""

LOOKS_AT_THE_LOG = 6
"""A log entry can be readable some seconds after the job has failed."""


class LaunchError(Exception):
    """The version is not in operation; says what is, and what to do."""


class Request(NamedTuple):
    """What is to be launched, and how long a change of state may take."""

    project: str
    region: str
    job_name: str
    template: str
    parameters: Mapping[str, str]
    run_flags: Sequence[str]
    transform_names: Mapping[str, str]
    if_incompatible: str
    wait_minutes: float
    poll_seconds: float


def gcloud(*arguments: str) -> str:
    """Run gcloud and return what it prints. Raises LaunchError with its own words if it fails."""
    run = subprocess.run(["gcloud", *arguments], capture_output=True, text=True, check=False)
    if run.returncode:
        raise LaunchError(f"gcloud {' '.join(arguments[:3])} failed: {' '.join(run.stderr.split())}")
    return run.stdout.strip()


def dictionary(entries: Mapping[str, str]) -> str:
    """Entries as gcloud reads them, delimited by what stands in none of them (`gcloud topic escaping`)."""
    text = "".join([*entries.keys(), *entries.values()])
    delimiter = next(each for each in "~|;#@!" if each not in text)
    return f"^{delimiter}^" + delimiter.join(f"{key}={value}" for key, value in entries.items())


def active_job(request: Request) -> str | None:
    """The id of the active job of this name. Raises LaunchError if there are several."""
    ids = gcloud(
        *("dataflow", "jobs", "list", f"--project={request.project}", f"--region={request.region}"),
        *("--status=active", f"--filter=name={request.job_name}", "--format=value(id)"),
    ).split()
    if len(ids) > 1:
        raise LaunchError(
            f"several active jobs are called {request.job_name}: {', '.join(ids)}; drain all but one."
        )
    return ids[0] if ids else None


def state_of(request: Request, job_id: str) -> str:
    """The job's state, such as JOB_STATE_RUNNING."""
    place = (f"--project={request.project}", f"--region={request.region}")
    return gcloud("dataflow", "jobs", "describe", job_id, *place, "--format=value(currentState)")


def wait_for(request: Request, job_id: str, states: set[str]) -> str:
    """Wait until the job has one of the states, and return it. Raises LaunchError when it takes too long."""
    deadline = time.monotonic() + request.wait_minutes * 60
    while (state := state_of(request, job_id)) not in states:
        if time.monotonic() > deadline:
            raise LaunchError(f"job {job_id} is still in {state} after {request.wait_minutes:g} minutes.")
        time.sleep(request.poll_seconds)
    return state


def run_template(request: Request, *more: str) -> str:
    """Launch the template and return the new job's id."""
    job_id = gcloud(
        *("dataflow", "flex-template", "run", request.job_name),
        *(f"--project={request.project}", f"--region={request.region}"),
        f"--template-file-gcs-location={request.template}",
        f"--parameters={dictionary(request.parameters)}",
        *request.run_flags,
        *more,
        "--format=value(job.id)",
    )
    print(f"job {job_id} is launched from {request.template}", flush=True)
    return job_id


def is_incompatible(request: Request, job_id: str) -> bool:
    """Whether the job failed because it cannot take over the old job's state, as Dataflow logs it."""
    # A quoted word by itself is looked for in every field.
    entries = f'resource.type="dataflow_step" AND resource.labels.job_id="{job_id}" AND severity>=ERROR'
    what = (f'{entries} AND "not compatible"', f"--project={request.project}")
    for _ in range(LOOKS_AT_THE_LOG):
        if gcloud("logging", "read", *what, "--limit=1", "--format=value(insertId)"):
            return True
        time.sleep(request.poll_seconds)
    return False


def update(request: Request, old_id: str) -> str:
    """Replace a running job. Returns the new job's id. Raises LaunchError if the old one goes on."""
    more = ["--update"]
    if request.transform_names:
        more.append(f"--transform-name-mappings={dictionary(request.transform_names)}")
    new_id = run_template(request, *more)
    if wait_for(request, new_id, STARTED | ENDED) in STARTED:
        return new_id
    if not is_incompatible(request, new_id):
        raise LaunchError(f"job {new_id} has failed, and {old_id} goes on: see the new job's log.")
    if request.if_incompatible == "fail":
        raise LaunchError(
            f"the new version is incompatible with the state of {old_id}, which goes on: map renamed "
            f"steps in {TRANSFORM_NAMES.name}, or launch with --if_incompatible=drain."
        )
    print(f"the new version is incompatible with the state of {old_id}: it is drained", flush=True)
    return relaunch(request, old_id)


def relaunch(request: Request, old_id: str) -> str:
    """Drain the old job and launch a new one. What is published meanwhile waits in the subscription."""
    place = (f"--project={request.project}", f"--region={request.region}")
    if state_of(request, old_id) in STARTED:  # or somebody has ended it meanwhile
        gcloud("dataflow", "jobs", "drain", old_id, *place)
    wait_for(request, old_id, ENDED)
    return start(request)


def start(request: Request) -> str:
    """Launch where no job is active. Raises LaunchError if the job ends before it runs."""
    job_id = run_template(request)
    state = wait_for(request, job_id, STARTED | ENDED)
    if state in ENDED:
        raise LaunchError(
            f"job {job_id} has ended in {state} before it ran, and none is active: see its log."
        )
    return job_id


def deploy(request: Request) -> str:
    """Do what the state of affairs asks for, and return the id of the job that runs then."""
    old_id = active_job(request)
    if old_id is None:
        return start(request)
    state = state_of(request, old_id)
    if state in STARTING:
        state = wait_for(request, old_id, STARTED | ENDED)
    if state in STARTED:
        return update(request, old_id)
    wait_for(request, old_id, ENDED)
    return start(request)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def parse(argv: Sequence[str]) -> Request:
    """Read the command line; exits with code 2 for a wrong one."""
    parser = argparse.ArgumentParser(prog="deploy/launch.py", description=__doc__.split("\n")[0])
    parser.add_argument("--project", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--job_name", default="order-pipeline")
    parser.add_argument("--template", required=True, help="gs:// path of the spec file")
    parser.add_argument("--parameter", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--if_incompatible", choices=("drain", "fail"), default="fail")
    parser.add_argument("--wait_minutes", type=float, default=25, help="for each change of state")
    parser.add_argument("--poll_seconds", type=float, default=10)
    parser.add_argument("run_flags", nargs="*", help="after --: flags of gcloud dataflow flex-template run")
    given = parser.parse_args(argv)
    if not given.template.startswith("gs://"):
        parser.error(f"--template={given.template} is not a gs:// path")
    names = json.loads(TRANSFORM_NAMES.read_text(encoding="utf-8"))
    return Request(
        given.project, given.region, given.job_name, given.template, dict(given.parameter), given.run_flags,
        names, given.if_incompatible, given.wait_minutes, given.poll_seconds,
    )  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Deploy. Returns 0, or 1 if the version is not in operation."""
    try:
        job_id = deploy(parse(argv))
    except LaunchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"job {job_id} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
