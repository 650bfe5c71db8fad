from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import Stack
from tests.template.files import REPOSITORY, copied_from_context


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a stack that has Cloud Storage, and BigQuery: a backfill asks it what was loaded."""
    with Stack(tmp_path_factory.mktemp("storage"), parts={"storage", "bigquery"}) as stack:
        yield dict(stack.environment)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel, built as in the Dockerfile from a copy of what the Dockerfile copies, links as links."""
    context = tmp_path_factory.mktemp("context")
    for name in copied_from_context():
        source, target = REPOSITORY / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    built = subprocess.run(
        [*build, "--no-build-isolation", "--wheel-dir", str(context / "wheels"), str(context)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = (context / "wheels").glob("*.whl")
    return path
