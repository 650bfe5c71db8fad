"""Compile requirements/*.txt from pyproject.toml: exact pins with hashes, one version of each package.

Run it as `make requirements`. dev.txt is compiled first; the others have no other versions than it has.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
EXTRAS = {
    "dev": ("generator", "local", "dev"),
    "local": ("generator", "local"),
    "worker": (),
}


def compile_requirements(name: str, source: Path, extras: tuple[str, ...], constraint: Path | None) -> None:
    """Write `name`.txt from `source`."""
    target = FOLDER / f"{name}.txt"
    command = ["uv", "pip", "compile", "--quiet", "--python-version", "3.11", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    command += [option for extra in extras for option in ("--extra", extra)]
    command += ["--constraint", str(constraint)] if constraint else ["--upgrade"]
    command += ["--output-file", str(target), str(source)]
    subprocess.run([sys.executable, "-m", *command], check=True)
    print(f"{target.name}: {sum(not line.startswith(' ') for line in target.read_text().splitlines())} packages")


def main() -> None:
    """Compile every file."""
    project, every_pin = FOLDER.parent / "pyproject.toml", FOLDER / "dev.txt"
    compile_requirements("dev", project, EXTRAS["dev"], None)
    for name in ("local", "worker"):
        compile_requirements(name, project, EXTRAS[name], every_pin)
    for name in ("fuzz", "generator", "pyspark"):
        compile_requirements(name, FOLDER / f"{name}.in", (), every_pin)
    compile_requirements("checkov", FOLDER / "checkov.in", (), None)


if __name__ == "__main__":
    main()
