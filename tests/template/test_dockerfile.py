"""A lint of our own for Dockerfile and .dockerignore, since nothing here can build an image."""

from __future__ import annotations

import fnmatch
import re
import shlex

import pytest

from tests.template.files import REPOSITORY, copied_from_context, dockerfile, text_of

INSTRUCTIONS = dockerfile()
IMAGES = ["pipeline", "generator"]


def of(stage: str, word: str) -> list[str]:
    return [each.rest for each in INSTRUCTIONS if (each.stage, each.word) == (stage, word)]


def stages() -> dict[str, str]:
    """Each stage's base."""
    return dict(reversed(each.rest.split(" AS ")) for each in INSTRUCTIONS if each.word == "FROM")


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a path of the repository through; its last matching line decides."""
    sent = True
    for line in filter(None, map(str.strip, text_of(".dockerignore").splitlines())):
        if line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        plain = pattern.removeprefix("**/")
        parts = path.split("/")
        prefixes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        names = parts if pattern.startswith("**/") else prefixes
        if any(fnmatch.fnmatchcase(name, plain) for name in names):
            sent = line.startswith("!")
    return sent


def test_beam_is_the_version_that_is_pinned_everywhere() -> None:
    (tag,) = re.findall(r"^apache/beam_python3\.11_sdk:(.+)$", stages()["beam"])
    (declared,) = re.findall(r'"apache-beam\[gcp\]==(.+)"', text_of("pyproject.toml"))
    (compiled,) = re.findall(r"^apache-beam==(\S+)", text_of("requirements/worker.txt"), re.MULTILINE)
    assert tag == declared == compiled


def test_every_base_has_a_tag_that_says_which() -> None:
    bases = [base for base in stages().values() if base not in stages()]
    assert len(bases) == 3
    assert [base for base in bases if not re.search(r":[\w.-]*\d{2,}[\w.-]*$", base)] == []
    assert "latest" not in "".join(bases)


def test_every_base_has_the_python_of_the_project() -> None:
    assert 'requires-python = ">=3.11,<3.12"' in text_of("pyproject.toml")
    assert stages()["python"].startswith("python:3.11.")
    assert "python3.11" in stages()["beam"]
    assert "python311" in stages()["launcher"]


def test_nothing_comes_from_an_address() -> None:
    assert [each for each in INSTRUCTIONS if each.word == "ADD"] == []
    assert not re.search(r"https?://|curl |wget |git\+", "\n".join(each.rest for each in INSTRUCTIONS))


def test_packages_are_installed_by_hash_and_ours_without_dependencies() -> None:
    installs = [each.rest for each in INSTRUCTIONS if each.word == "RUN" and "pip install" in each.rest]
    assert len(installs) == 5
    assert [rest for rest in installs if "--require-hashes" not in rest and "--no-deps" not in rest] == []
    assert of("pipeline", "RUN")[-1].endswith("&& pip check")


@pytest.mark.parametrize("image", IMAGES)
def test_what_changes_seldom_comes_first(image: str) -> None:
    steps = [each.rest for each in INSTRUCTIONS if each.stage == image]
    positions = [
        next(number for number, rest in enumerate(steps) if part in rest)
        for part in (
            f"requirements/{'worker' if image == 'pipeline' else image}.txt",
            "--from=wheel",
            "VERSION=",
        )
    ]
    assert positions == sorted(positions)


def test_the_launcher_finds_its_file_and_installs_nothing() -> None:
    environment = dict(
        pair.split("=", 1) for rest in of("pipeline", "ENV") for pair in shlex.split(rest) if "=" in pair
    )
    assert environment["FLEX_TEMPLATE_PYTHON_PY_FILE"] == "/template/main.py"
    assert "deploy/main.py /template/main.py" in of("pipeline", "COPY")
    assert [name for name in environment if name.endswith(("REQUIREMENTS_FILE", "SETUP_FILE"))] == []


def test_the_image_holds_launcher_and_worker_where_dataflow_looks() -> None:
    copies = of("pipeline", "COPY")
    binary = "/opt/google/dataflow/python_template_launcher"
    assert f"--from=launcher {binary} {binary}" in copies
    assert "--from=beam /opt/apache/beam /opt/apache/beam" in copies
    assert of("pipeline", "ENTRYPOINT") == ['["/opt/apache/beam/boot"]']


def test_the_image_knows_its_own_name_for_the_workers() -> None:
    assert "PIPELINE_IMAGE=${IMAGE}" in of("pipeline", "ENV")
    assert "IMAGE" in of("pipeline", "ARG")


def test_each_image_says_who_it_runs_as() -> None:
    # Dataflow needs root; docs/adr/0012 has the evidence.
    assert of("pipeline", "USER") == ["root"]
    assert of("generator", "USER") == ["65532:65532"]


@pytest.mark.parametrize("image", IMAGES)
def test_each_image_has_labels(image: str) -> None:
    (labels,) = of(image, "LABEL")
    assert re.findall(r"org\.opencontainers\.image\.(\w+)=", labels) == ["title", "description", "version"]


def test_a_file_that_is_copied_exists_and_is_sent() -> None:
    assert "pipeline" in copied_from_context()
    assert [path for path in copied_from_context() if not (REPOSITORY / path).exists()] == []
    assert [path for path in copied_from_context() if not is_sent(path)] == []
    assert is_sent("pipeline/schemas.json")
    assert is_sent("pipeline/transforms/lake.py")


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "tests/conftest.py",
        "demo-output/state/tables.duckdb",
        "local/stack.py",
        "terraform/terraform.tfstate",
        ".mypy_cache/x.json",
        "pipeline/__pycache__/graph.cpython-311.pyc",
        "deploy/launch.py",
        ".env",
    ],
)
def test_what_no_image_needs_is_not_sent(path: str) -> None:
    assert not is_sent(path)
