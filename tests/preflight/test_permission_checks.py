"""Against a server that answers as Resource Manager and IAM are documented to; they have never been asked."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials

from pipeline.options import parse_job
from pipeline.preflight import permissions
from pipeline.preflight.dataflow import dataflow_checks
from pipeline.preflight.findings import Finding
from pipeline.preflight.plan import checks_of
from pipeline.preflight.running import run_checks
from tests.preflight.json_answers import JsonHandler

WORKER = "pipeline-worker@shop-prod.iam.gserviceaccount.com"
LAUNCHER = "pipeline-launcher@shop-prod.iam.gserviceaccount.com"
PROJECT = "/v3/projects/shop-prod:testIamPermissions"
ACCOUNT = f"/v1/projects/-/serviceAccounts/{WORKER}:testIamPermissions"
IMPERSONATE = f"gcloud auth application-default login --impersonate-service-account={WORKER}"
OFF = {
    "message": "It has not been enabled.",
    "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}],
}


class Google(http.server.ThreadingHTTPServer):
    """Grants what `granted` lists for a path, unless `errors` has status and error for it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.granted: dict[str, set[str]] = {PROJECT: set(), ACCOUNT: set()}
        self.errors: dict[str, tuple[int, dict[str, Any]]] = {}
        self.asked: list[tuple[str, list[str]]] = []
        self.wait_seconds = 0.0


class _Handler(JsonHandler):
    server: Google

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["permissions"]
        self.server.asked.append((self.path, asked))
        time.sleep(self.server.wait_seconds)
        status, error = self.server.errors.get(self.path, (200, {}))
        held = [] if error else [one for one in asked if one in self.server.granted[self.path]]
        answer = {"error": {"code": status, **error}} if error else {"permissions": held} if held else {}
        self.answer(status, answer)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with Google() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for service in permissions.ENDPOINTS:
            address = f"http://127.0.0.1:{server.server_address[1]}"
            monkeypatch.setitem(permissions.ENDPOINTS, service, address)
        yield server
        server.shutdown()


@pytest.fixture
def ask(cloud: Google, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that asks as an account, "" for a person, and returns the findings by what they are of."""

    def ask(caller: str, worker: str | None = WORKER, queries_in: str = "") -> dict[str, Finding]:
        credentials = AnonymousCredentials()
        credentials.service_account_email = caller or None
        monkeypatch.setattr(google.auth, "default", lambda scopes: (credentials, None))
        flags = ["--project=shop-prod", *([f"--service_account_email={worker}"] if worker else [])]
        checks = dataflow_checks(flags, queries_in)[1:]
        assert all(check.of_account for check in checks)
        return {finding.what: finding for finding in run_checks(checks)}

    return ask


def test_a_worker_with_its_roles_is_ok_and_the_project_is_asked_once(cloud: Google, ask: Any) -> None:
    needed = ["dataflow.jobs.create", "dataflow.workItems.lease", "bigquery.jobs.create"]
    cloud.granted = {PROJECT: set(needed), ACCOUNT: {"iam.serviceAccounts.actAs"}}
    found = ask(WORKER, queries_in="shop-prod")
    assert {what: one.state for what, one in found.items()} == {
        **{f"{permission} in shop-prod": "ok" for permission in needed},
        f"acting as {WORKER}": "ok",
    }
    assert sorted(cloud.asked) == [(ACCOUNT, ["iam.serviceAccounts.actAs"]), (PROJECT, needed)]


@pytest.mark.parametrize(
    ("lacking", "role"),
    [
        ("dataflow.jobs.create", "roles/dataflow.developer"),
        ("dataflow.workItems.lease", "roles/dataflow.worker"),
        ("bigquery.jobs.create", "roles/bigquery.jobUser"),
    ],
)
def test_a_worker_that_lacks_a_permission_is_told_the_role_and_the_command_that_grants_it(
    lacking: str, role: str, cloud: Google, ask: Any
) -> None:
    every = {"dataflow.jobs.create", "dataflow.workItems.lease", "bigquery.jobs.create"}
    cloud.granted = {PROJECT: every - {lacking}, ACCOUNT: {"iam.serviceAccounts.actAs"}}
    (wrong,) = [one for one in ask(WORKER, queries_in="shop-prod").values() if one.state != "ok"]
    assert (wrong.what, wrong.state) == (f"{lacking} in shop-prod", "wrong")
    assert wrong.said.endswith(f": {role} gives it.")
    assert wrong.run == (
        f"gcloud projects add-iam-policy-binding shop-prod --member=serviceAccount:{WORKER} --role={role}"
    )


def test_a_launch_that_names_no_worker_takes_who_asks_for_it(ask: Any) -> None:
    for caller, member in ((LAUNCHER, LAUNCHER), ("", "ACCOUNT"), ("default", "ACCOUNT")):
        found = ask(caller, worker=None)
        assert list(found) == ["dataflow.jobs.create in shop-prod", "dataflow.workItems.lease in shop-prod"]
        assert {one.state for one in found.values()} == {"wrong"}
        assert all(f"--member=serviceAccount:{member} --role" in one.run for one in found.values())


@pytest.mark.parametrize("caller", [LAUNCHER, ""])
def test_who_is_not_the_worker_is_not_told_what_the_worker_may_do(
    caller: str, cloud: Google, ask: Any
) -> None:
    for granted in (set(), {"dataflow.workItems.lease"}):
        cloud.granted[PROJECT] = granted
        found = ask(caller)
        assert found["dataflow.jobs.create in shop-prod"].state == "wrong"
        assert found["dataflow.workItems.lease in shop-prod"] == (
            "dataflow.workItems.lease in shop-prod",
            "not checked",
            f"{WORKER} needs it, and {caller or 'another account'} asks: ask as the worker.",
            IMPERSONATE,
        )


def test_who_may_not_act_as_the_worker_is_told_the_role_and_the_command(ask: Any) -> None:
    found = ask(LAUNCHER)[f"acting as {WORKER}"]
    assert found.state == "wrong"
    assert "lacks iam.serviceAccounts.actAs" in found.said
    assert found.run == (
        f"gcloud iam service-accounts add-iam-policy-binding {WORKER} "
        f"--member=serviceAccount:{LAUNCHER} --role=roles/iam.serviceAccountUser"
    )


@pytest.mark.parametrize(
    ("path", "what", "api", "lets"),
    [
        (PROJECT, "permissions in shop-prod", "cloudresourcemanager.googleapis.com", "roles/browser"),
        (ACCOUNT, f"acting as {WORKER}", "iam.googleapis.com", "roles/iam.serviceAccountViewer"),
    ],
)
def test_a_refusal_is_told_as_of_every_other_service(
    path: str, what: str, api: str, lets: str, cloud: Google, ask: Any
) -> None:
    cloud.errors[path] = (403, OFF)
    off = ask(WORKER)[what]
    assert off.state == "wrong"
    assert off.said == f"The API {api} is off in the project shop-prod."
    assert off.run == f"gcloud services enable {api} --project=shop-prod"
    cloud.errors[path] = (403, {"message": "Permission denied, or it may not exist."})
    denied = ask(WORKER)[what]
    assert (denied.state, f"{lets} lets it" in denied.said) == ("not checked", True)
    cloud.errors[path] = (404, {"message": "Unknown."})
    assert ask(WORKER)[what].said == "It does not exist: create it, or name another."


def test_a_service_that_hangs_is_left_after_the_time_of_a_call(
    cloud: Google, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permissions, "CALL_SECONDS", 0.2)
    cloud.wait_seconds = 2.0
    started = time.monotonic()
    found = ask(WORKER)
    assert time.monotonic() - started < 1.5
    assert [one.state for one in found.values()] == ["wrong", "wrong"]
    assert found["permissions in shop-prod"].said.startswith("Resource Manager does not answer: ")
    assert found[f"acting as {WORKER}"].said.startswith("IAM does not answer: ")


@pytest.mark.parametrize(
    ("flags", "asks"),
    [
        (["--is_backfill", "--input_path=gs://shop-in/*", "--bq_dataset=shop-prod:shop"], True),
        (["--is_backfill", "--input_path=gs://shop-in/*", "--bq_dataset=shop-data:shop"], False),
        (["--is_backfill", "--input_path=gs://shop-in/*", "--bq_dataset=none"], False),
        (
            [
                "--input_subscription=projects/shop-prod/subscriptions/events-sub",
                "--bq_dataset=shop-prod:shop",
            ],
            False,
        ),
    ],
)
def test_the_right_to_query_is_asked_for_a_backfill_that_queries_in_the_launchs_project(
    flags: list[str], asks: bool, cloud: Google
) -> None:
    launch = ["--runner=DataflowRunner", "--project=shop-prod", "--no_auth", "--dlq_topic=none"]
    job = parse_job([*flags, *launch, "--output_bucket=gs://shop-lake", "--alerts_topic=none"])
    checks = [check for check in checks_of(job) if check.what == "permissions in shop-prod"]
    found = [finding.what for finding in run_checks(checks)]
    assert ("bigquery.jobs.create in shop-prod" in found) == asks
    assert "dataflow.workItems.lease in shop-prod" in found
