"""The file that Dataflow launches from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.cloud.dataflow_v1beta3.types import ContainerSpec, SDKInfo

from pipeline.template import main
from tests.template.files import IMAGE, REPOSITORY, json_of

METADATA = f"--metadata={REPOSITORY / 'metadata.json'}"


@pytest.fixture
def spec(capsys: pytest.CaptureFixture[str]) -> Any:
    def render(*more: str) -> dict[str, Any]:
        assert main(["spec", f"--image={IMAGE}", METADATA, *more]) == 0
        content: dict[str, Any] = json.loads(capsys.readouterr().out)
        return content

    return render


def test_spec_keeps_every_key_of_the_metadata(spec: Any) -> None:
    # gcloud's own rendering drops streaming, supportsExactlyOnce and defaultStreamingMode.
    assert spec()["metadata"] == json_of("metadata.json")
    modes = ("streaming", "supportsExactlyOnce", "defaultStreamingMode")
    assert [spec()["metadata"][key] for key in modes] == [True, True, "EXACTLY_ONCE"]


def test_launcher_and_workers_run_one_image(spec: Any) -> None:
    assert (spec()["image"], spec()["defaultEnvironment"]["sdkContainerImage"]) == (IMAGE, IMAGE)


def test_spec_of_a_backfill_is_a_batch_job_with_the_same_parameters(spec: Any) -> None:
    streaming, backfill = spec()["metadata"], spec("--mode=backfill")["metadata"]
    assert backfill["parameters"] == streaming["parameters"]
    assert set(streaming) - set(backfill) == {
        "supportsAtLeastOnce",
        "supportsExactlyOnce",
        "defaultStreamingMode",
    }
    assert backfill["streaming"] is False
    assert "enableStreamingEngine" not in spec("--mode=backfill")["defaultEnvironment"]


def test_what_a_launch_leaves_out_is_in_the_environment(spec: Any) -> None:
    account = "pipeline-worker@my-project.iam.gserviceaccount.com"
    assert spec("--staging=gs://my-staging/", f"--account={account}")["defaultEnvironment"] == {
        "sdkContainerImage": IMAGE,
        "enableStreamingEngine": True,
        "stagingLocation": "gs://my-staging/staging",
        "tempLocation": "gs://my-staging/temp",
        "serviceAccountEmail": account,
    }


@pytest.mark.parametrize("mode", ["streaming", "backfill"])
def test_googles_own_client_reads_all_of_it(spec: Any, mode: str) -> None:
    # An unknown key or a wrong type raises.
    read = ContainerSpec.from_json(json.dumps(spec(f"--mode={mode}", "--staging=gs://b")))
    assert (read.image, read.sdk_info.language) == (IMAGE, SDKInfo.Language.PYTHON)
    assert read.default_environment.sdk_container_image == IMAGE


@pytest.mark.parametrize(
    ("flag", "complaint"),
    [
        ("--image=registry/pipeline", "'registry/pipeline' does not have the form REGION-docker.pkg.dev/"),
        (
            "--image=registry/pipeline:latest",
            "'registry/pipeline:latest' does not have the form REGION-docker",
        ),
        ("--metadata=nowhere.json", "--metadata=nowhere.json cannot be read as JSON: "),
        ("--staging=my-staging", "'my-staging' does not have the form gs://BUCKET"),
        ("--account=worker", "'worker' does not have the form NAME@PROJECT.iam.gserviceaccount.com"),
        ("--mode=batch", "invalid choice: 'batch'"),
        ("--imag=x/y:1", "unrecognized arguments: --imag=x/y:1"),
    ],
)
def test_wrong_flag_is_one_sentence(flag: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", f"--image={IMAGE}", METADATA, flag]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith("error: ")
    assert complaint in shown.err


def test_image_by_digest_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", f"--image=r.example/p/i@sha256:{'0' * 64}", METADATA]) == 0
