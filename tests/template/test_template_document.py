"""The commands of docs/template.md are ones that their programs take."""

from __future__ import annotations

import importlib.util
import re
import shlex
from types import ModuleType

import pytest

from pipeline.options import parse_job
from pipeline.template import main
from tests.template.files import REPOSITORY, dockerfile, json_of, text_of

SHELL = {
    "$IMAGES": "europe-west1-docker.pkg.dev/my-project/pipeline",
    "$TEMPLATES": "gs://my-project-shop-events-templates/pipeline",
    "$PROJECT": "my-project",
    "$REGION": "europe-west1",
    "$TAG": "ab12cd3",
}


def commands(program: str) -> list[list[str]]:
    """The arguments of each command of the document that runs `program`, without redirections."""
    text = re.sub(r"\\\n\s*", "", text_of("docs/template.md"))
    for name, value in SHELL.items():
        text = text.replace(name, value)
    lines = re.findall(rf"^ {{4}}\S*{re.escape(program)} (.*)$", text, re.MULTILINE)
    return [shlex.split(line.partition(" > ")[0]) for line in lines]


@pytest.fixture
def launcher() -> ModuleType:
    spec = importlib.util.spec_from_file_location("launch", REPOSITORY / "deploy" / "launch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_spec_file_is_rendered_as_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    (arguments,) = commands("python -m pipeline.template")
    assert main(arguments) == 0
    assert '"stagingLocation": "gs://my-project-shop-events-staging/staging"' in capsys.readouterr().out


def test_the_launch_is_started_as_shown(launcher: ModuleType) -> None:
    (arguments,) = commands("python3 deploy/launch.py")
    request = launcher.parse(arguments)
    assert request.template == "gs://my-project-shop-events-templates/pipeline/ab12cd3.json"
    assert list(request.run_flags) == ["--max-workers=10"]
    assert parse_job([f"--{name}={value}" for name, value in request.parameters.items()]).reads == "live"


def test_what_gcloud_is_given_as_parameters_is_what_the_pipeline_takes() -> None:
    known = {each["name"] for each in json_of("metadata.json")["parameters"]}
    runs = [
        dict(argument.split("=", 2)[1:] for argument in arguments if argument.startswith("--parameters="))
        for arguments in commands("gcloud dataflow flex-template run")
    ]
    assert [set(run) - known for run in runs] == [set(), set()]
    jobs = [parse_job([f"--{name}={value}" for name, value in run.items()]) for run in runs]
    assert [job.reads for job in jobs] == ["live", "files"]


def test_both_images_are_built_as_shown() -> None:
    targets = [argument for line in commands("docker build") for argument in line if "--target" in argument]
    assert targets == ["--target=pipeline", "--target=generator"]
    assert {each.stage for each in dockerfile()} >= {"pipeline", "generator"}
