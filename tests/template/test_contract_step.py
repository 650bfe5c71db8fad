"""The build's look at the contract: its scripts, run as they stand in cloudbuild.yaml."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.template.files import REPOSITORY, text_of, yaml_of

SCRIPTS = {step["id"]: step["args"][-1] for step in yaml_of("cloudbuild.yaml")["steps"]}
MISSING = "ERROR: (gcloud.storage.cp) The following URLs matched no objects or files:"
DENIED = "ERROR: (gcloud.storage.cp) [ci] does not have permission to access b instance [b]"


def run(
    step: str, folder: Path, substitutions: Mapping[str, str], gcloud: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a step's script in `folder`, with `gcloud` as the program of that name."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "gcloud").write_text(f"#!/bin/sh\n{gcloud}\n")
    (tools / "gcloud").chmod(0o755)
    (folder / ".venv").exists() or (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    script = re.sub(r"\$\{(_\w+)\}", lambda found: substitutions[found[1]], SCRIPTS[step])
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        ["bash", "-ceu", script.replace("$$", "$")],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "schemas.json").write_text(text_of("schemas.json"))
    return tmp_path


def fetched(workspace: Path, gcloud: str) -> subprocess.CompletedProcess[str]:
    return run("published-contract", workspace, {"_TEMPLATES": "gs://b/pipeline"}, gcloud)


def checked(workspace: Path, allowed: str = "") -> subprocess.CompletedProcess[str]:
    return run("contract", workspace, {"_BREAKING_CONTRACT": allowed})


def test_the_contract_that_is_compared_with_is_the_published_one(workspace: Path) -> None:
    assert fetched(workspace, 'echo "$@"; echo published > before.json').stdout == (
        "storage cp gs://b/pipeline/latest-schemas.json before.json\n"
    )
    assert (workspace / "before.json").read_text() == "published\n"


def test_before_the_first_build_nothing_is_different(workspace: Path) -> None:
    assert fetched(workspace, f"echo '{MISSING}' >&2; exit 1").returncode == 0
    done = checked(workspace)
    assert (done.returncode, done.stdout) == (0, "Nothing is different.\n")


def test_a_bucket_that_cannot_be_read_stops_the_build(workspace: Path) -> None:
    done = fetched(workspace, f"echo '{DENIED}' >&2; exit 1")
    assert done.returncode == 1
    assert DENIED in done.stderr


def test_a_breaking_contract_stops_the_build_unless_it_is_allowed(workspace: Path) -> None:
    published = json.loads(text_of("schemas.json"))
    published["tables"]["orders"]["schema_version"] = 2
    (workspace / "before.json").write_text(json.dumps(published))
    assert checked(workspace).returncode == 1
    allowed = checked(workspace, "allow")
    assert allowed.returncode == 0
    assert "breaks    orders schema_version was 2 and is 1." in allowed.stdout


def test_a_published_contract_that_is_none_by_the_rules_of_now_can_be_allowed_too(workspace: Path) -> None:
    (workspace / "before.json").write_text("{}")
    assert [checked(workspace, allowed).returncode for allowed in ("", "allow")] == [1, 0]


def test_a_file_that_is_no_contract_stops_the_build_even_then(workspace: Path) -> None:
    (workspace / "before.json").write_text("{")
    assert checked(workspace, "allow").returncode == 2
    (workspace / "before.json").write_text(text_of("schemas.json"))
    (workspace / "schemas.json").write_text("{}")
    assert checked(workspace, "allow").returncode == 2


def test_what_is_published_is_found_by_the_next_build() -> None:
    assert 'gcloud storage cp schemas.json "${_TEMPLATES}/$$tag-schemas.json"' in SCRIPTS["publish"]
    assert 'tags="$$tags latest"' in SCRIPTS["publish"]
    assert '"${_TEMPLATES}/latest-schemas.json"' in SCRIPTS["published-contract"]
