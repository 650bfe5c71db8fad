"""What accounts need for a job on Dataflow: permissions on its project, and to act as its worker."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

import google.auth
from google.api_core.exceptions import GoogleAPICallError, from_http_response
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from pipeline.preflight.findings import APIS, CALL_SECONDS, Check, Finding, not_checked, ok, wrong

PROJECTS = "Resource Manager"
ACCOUNTS = "IAM"
ENDPOINTS = {service: f"https://{APIS[service]}" for service in (PROJECTS, ACCOUNTS)}
ACT_AS = "iam.serviceAccounts.actAs"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class Need(NamedTuple):
    """A permission on the project."""

    permission: str
    role: str
    """The role with the fewest rights that has it."""
    why: str
    by_worker: bool
    """Whether who runs the job needs it, and not who launches it."""


LAUNCH = Need("dataflow.jobs.create", "roles/dataflow.developer", "a launch creates a job", by_worker=False)
WORK = Need("dataflow.workItems.lease", "roles/dataflow.worker", "workers fetch their work", by_worker=True)
QUERY = Need(
    "bigquery.jobs.create",
    "roles/bigquery.jobUser",
    "a backfill asks _load_metadata what is loaded",
    by_worker=True,
)


def permission_checks(options: Any, queries_in: str) -> list[Check]:
    """Ask about `--project`, and about `--service_account_email` if the launch names one.

    `options` are Beam's GoogleCloudOptions; `queries_in` is the project that a backfill queries in, or "".
    Without a project there is no check: that it is missing is said elsewhere.
    """
    project, worker = options.project or "", options.service_account_email or ""
    if not project:
        return []
    # In another project it is not this answer that decides, and "role to query in" asks there.
    needs = [LAUNCH, WORK, *([QUERY] if queries_in == project else [])]
    checks = [
        Check(
            f"permissions in {project}",
            PROJECTS,
            project,
            lambda: _look_at_project(options, project, worker, needs),
            f"gcloud projects describe {project}",
            "roles/browser",
            of_account=True,
        )
    ]
    if worker:
        checks.append(
            Check(
                f"acting as {worker}",
                ACCOUNTS,
                project,
                lambda: _look_at_worker(options, worker),
                f"gcloud iam service-accounts list --project={project}",
                # For an account that does not exist IAM answers 403 as well.
                "if there is such an account, roles/iam.serviceAccountViewer",
                of_account=True,
            )
        )
    return checks


def credentials_of(options: Any) -> Any:
    """Return what the launch would ask with: nobody's credentials with `--no_auth`.

    Raises DefaultCredentialsError if there are none.
    """
    if options.no_auth:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    return google.auth.default(scopes=_SCOPES)[0]


def _look_at_project(options: Any, project: str, worker: str, needs: list[Need]) -> list[Finding]:
    credentials = credentials_of(options)
    asked = [need.permission for need in needs]
    held = _held(PROJECTS, f"v3/projects/{quote(project)}", asked, credentials)
    caller = _address(credentials)
    found = []
    for need in needs:
        what = f"{need.permission} in {project}"
        if need.by_worker and worker not in ("", caller):
            # A service answers for who asks. Of the worker's roles that says nothing, for or against.
            found.append(
                not_checked(
                    what,
                    f"{worker} needs it, and {caller or 'another account'} asks: ask as the worker.",
                    f"gcloud auth application-default login --impersonate-service-account={worker}",
                )
            )
        elif need.permission in held:
            found.append(ok(what))
        else:
            found.append(
                wrong(
                    what,
                    f"This account lacks it, and {need.why}: {need.role} gives it.",
                    f"gcloud projects add-iam-policy-binding {project} "
                    f"--member=serviceAccount:{caller or 'ACCOUNT'} --role={need.role}",
                )
            )
    return found


def _look_at_worker(options: Any, worker: str) -> list[Finding]:
    what, role = f"acting as {worker}", "roles/iam.serviceAccountUser"
    credentials = credentials_of(options)
    # "-" lets IAM find the project, which an address does not always tell.
    if ACT_AS in _held(
        ACCOUNTS, f"v1/projects/-/serviceAccounts/{quote(worker, '@')}", [ACT_AS], credentials
    ):
        return [ok(what)]
    return [
        wrong(
            what,
            f"This account lacks {ACT_AS}, and who creates a job needs it on the worker, the worker itself "
            f"too: {role} gives it.",
            f"gcloud iam service-accounts add-iam-policy-binding {worker} "
            f"--member=serviceAccount:{_address(credentials) or 'ACCOUNT'} --role={role}",
        )
    ]


def _address(credentials: Any) -> str:
    """Return the service account's address, or "" for a person."""
    address = getattr(credentials, "service_account_email", None) or ""
    # A machine of Google Cloud calls its account "default" until it has made a request.
    return address if "@" in address else ""


def _held(service: str, resource: str, permissions: list[str], credentials: Any) -> frozenset[str]:
    """Return those of the permissions that the caller has on the resource.

    Raises GoogleAPICallError for a refusal, RequestException and GoogleAuthError for what gets no answer.
    """
    url = f"{ENDPOINTS[service]}/{resource}:testIamPermissions"
    with AuthorizedSession(credentials) as session:  # type: ignore[no-untyped-call]
        answer = session.post(url, json={"permissions": permissions}, timeout=CALL_SECONDS)
    if not answer.ok:
        error: GoogleAPICallError = from_http_response(answer)  # type: ignore[no-untyped-call]
        raise error
    # Who holds none of them gets an empty object.
    return frozenset(answer.json().get("permissions", ()))
