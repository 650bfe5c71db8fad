"""Against a server that answers as Dataflow's API is documented to; the API itself has never been asked."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from pipeline.preflight.dataflow import dataflow_checks
from pipeline.preflight.findings import Finding
from pipeline.preflight.running import run_checks
from tests.preflight.json_answers import JsonHandler

OFF = "Dataflow API has not been used in project shop-prod before or it is disabled."


class _Dataflow(JsonHandler):
    answers = {  # noqa: RUF012  (never changed)
        "/v1b3/projects/shop-prod/locations/europe-west1/jobs?pageSize=1": (200, {}),
        "/v1b3/projects/shop-prod/locations/us-east9/jobs?pageSize=1": (404, {"message": "No such region."}),
        "/v1b3/projects/shop-off/locations/europe-west1/jobs?pageSize=1": (403, {"message": OFF}),
        "/v1b3/projects/shop-closed/locations/europe-west1/jobs?pageSize=1": (403, {"message": "Denied."}),
    }

    def do_GET(self) -> None:
        status, error = self.answers[self.path]
        self.answer(status, {"error": {"code": status, **error}} if error else {})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Dataflow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def look(endpoint: str, project: str, region: str) -> Finding:
    flags = ["--no_auth", f"--dataflow_endpoint={endpoint}", f"--project={project}", f"--region={region}"]
    (found,) = run_checks(dataflow_checks([*flags, "--temp_location=gs://shop-staging/temp"])[:1])
    return found


def test_a_region_that_answers_is_ok(endpoint: str) -> None:
    assert look(endpoint, "shop-prod", "europe-west1").state == "ok"


@pytest.mark.parametrize(
    ("project", "region", "state", "said", "run"),
    [
        (
            "shop-prod",
            "us-east9",
            "wrong",
            "No such region.",
            "gcloud dataflow jobs list --project=shop-prod",
        ),
        ("shop-off", "europe-west1", "wrong", "is off in the project shop-off", "gcloud services enable"),
        ("shop-closed", "europe-west1", "not checked", "roles/dataflow.viewer lets it", ""),
    ],
)
def test_what_is_wrong_is_named(
    endpoint: str, project: str, region: str, state: str, said: str, run: str
) -> None:
    found = look(endpoint, project, region)
    assert (found.state, said in found.said, run in found.run) == (state, True, True)


def test_a_launch_without_region_or_temporary_place_is_wrong() -> None:
    (found,) = run_checks(dataflow_checks(["--project=shop-prod"])[:1])
    assert (found.state, found.said) == ("wrong", "A launch needs --region and --temp_location.")


def test_the_buckets_of_a_launch_are_looked_at_too() -> None:
    checks = dataflow_checks(["--temp_location=gs://shop-staging/temp", "--staging_location=/tmp/x"])
    assert [check.what for check in checks] == [
        "Dataflow",
        "folder /tmp/x",
        "bucket gs://shop-staging",
        "writing to gs://shop-staging/temp",
    ]
