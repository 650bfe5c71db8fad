"""What a launch on Dataflow needs besides: its API, its region, its buckets, its permissions."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from google.api_core.exceptions import GoogleAPICallError, from_http_response
from google.auth.transport.requests import AuthorizedSession

from pipeline.preflight.buckets import place_checks
from pipeline.preflight.findings import CALL_SECONDS, Check, Finding, ok, wrong
from pipeline.preflight.permissions import credentials_of, permission_checks

SERVICE = "Dataflow"


def dataflow_checks(beam_args: list[str], queries_in: str = "") -> list[Check]:
    """Look at `--project`, `--region`, `--temp_location`, `--staging_location`, `--service_account_email`.

    `queries_in` is the project in which a backfill queries BigQuery, or "" if nothing does.
    """
    options = PipelineOptions(beam_args).view_as(GoogleCloudOptions)
    project = options.project or ""
    checks = [
        Check("Dataflow", SERVICE, project, lambda: _look_at_api(options), view="roles/dataflow.viewer")
    ]
    places = {options.temp_location, options.staging_location} - {None, ""}
    for place in sorted(places):
        checks += place_checks(place, project)
    return checks + permission_checks(options, queries_in)


def _look_at_api(options: Any) -> list[Finding]:
    """Ask for one job of the region: that needs project, API, region and a role to be right."""
    missing = [f"--{name}" for name in ("project", "region", "temp_location") if not getattr(options, name)]
    if missing:
        return [
            wrong(
                "Dataflow",
                f"A launch needs {' and '.join(missing)}.",
                "python -m pipeline.preflight … " + " ".join(f"{flag}=…" for flag in missing),
            )
        ]
    what = f"Dataflow in {options.project}, {options.region}"
    path = f"v1b3/projects/{quote(options.project)}/locations/{quote(options.region)}/jobs?pageSize=1"
    url = f"{options.dataflow_endpoint.rstrip('/')}/{path}"
    with AuthorizedSession(credentials_of(options)) as session:  # type: ignore[no-untyped-call]
        answer = session.get(url, timeout=CALL_SECONDS)
    if answer.ok:
        return [ok(what)]
    error: GoogleAPICallError = from_http_response(answer)  # type: ignore[no-untyped-call]
    if answer.status_code in (400, 404):
        return [
            wrong(
                what,
                f"Dataflow does not know this project or region: {' '.join(error.message.split())}",
                f"gcloud dataflow jobs list --project={options.project} --region={options.region}",
            )
        ]
    raise error
