"""The wheel and the pinned requirements, installed as in the images and run as there.

The environments are made by uv, which checks the same hashes as pip and takes seconds instead of minutes.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.contract import CONTRACT_PATH
from tests.template.files import REPOSITORY, text_of
from tests.template.jobs import OF_THE_LAUNCHER, STREAMING, read_job, run_main

# Downloads and installs a hundred packages, if uv has not got them yet.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def uv(*arguments: str | Path) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "uv", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stderr


def installed(folder: Path, requirements: str, wheel: Path) -> Path:
    """A clean virtual environment with the pinned requirements and our wheel; returns its interpreter."""
    uv("venv", "--quiet", "--python", sys.executable, folder)
    python = folder / "bin" / "python"
    into = ("pip", "install", "--quiet", "--python", python)
    uv(*into, "--require-hashes", "--requirement", REPOSITORY / "requirements" / requirements)
    uv(*into, "--no-deps", wheel)
    return python


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    return installed(tmp_path_factory.mktemp("worker"), "worker.txt", wheel)


def test_the_wheel_holds_the_contract_as_a_file(wheel: Path) -> None:
    # In the checkout pipeline/schemas.json is a link.
    assert CONTRACT_PATH.is_symlink()
    with zipfile.ZipFile(wheel) as archive:
        entry = archive.getinfo("pipeline/schemas.json")
        assert entry.external_attr >> 28 != 0o12
        assert archive.read(entry).decode() == text_of("schemas.json")


def test_the_wheel_holds_every_module_and_nothing_else(wheel: Path) -> None:
    modules = {
        str(path.relative_to(REPOSITORY))
        for package in ("pipeline", "generator")
        for path in (REPOSITORY / package).rglob("*.py")
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == {*modules, "pipeline/schemas.json"}


def test_the_pinned_requirements_are_all_that_is_needed(worker: Path) -> None:
    assert "All installed packages are compatible" in uv("pip", "check", "--python", worker)


def test_the_installed_package_launches_as_the_template_does(
    worker: Path, storage: dict[str, str], tmp_path: Path
) -> None:
    main = tmp_path / "main.py"
    main.write_text(text_of("deploy/main.py"))
    run = run_main(worker, main, storage, tmp_path, *STREAMING, *OF_THE_LAUNCHER)
    assert (run.returncode, "Traceback" in run.stderr) == (0, False), run.stderr
    assert read_job(tmp_path, storage).described["type"] == "JOB_TYPE_STREAMING"


def test_the_installed_package_is_the_one_that_runs(worker: Path, tmp_path: Path) -> None:
    asked = "import pipeline.contract as c; print(c.__file__); print(len(c.load_contract().tables))"
    run = subprocess.run([worker, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True)
    path, tables = run.stdout.split()
    assert path.startswith(str(worker.parents[1]))
    assert int(tables) > 3


def test_the_generator_needs_neither_beam_nor_more_than_its_own_requirements(
    tmp_path: Path, wheel: Path
) -> None:
    python = installed(tmp_path / "generator", "generator.txt", wheel)
    command = [python, "-m", "generator", "--to=stdout", "--events=20", "--seed=7"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, len(run.stdout.splitlines())) == (0, 20), run.stderr
    beam = subprocess.run([python, "-c", "import apache_beam"], capture_output=True, check=False)
    assert beam.returncode == 1
