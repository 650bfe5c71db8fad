"""What Terraform makes of its values, evaluated by the binary, without providers and without a network.

variables.tf, retention.tf and locals.tf refer to no resource; a copy of them beside schemas.json is a
configuration of its own, in which `terraform plan` checks the variables and computes every local value. The
values and checks of monitoring.tf do refer to resources: in their copy, the words of each reference stand in
its place.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.terraform.configuration import FOLDER, REPOSITORY, blocks

TERRAFORM = shutil.which("terraform")
# The binary comes from HashiCorp and no Python package brings it, so a machine may lack it.
MISSING = "the terraform binary is not on this machine's PATH"
KEY = "projects/keys/locations/europe-west1/keyRings/ring/cryptoKeys/key"

_COPIED = ("variables.tf", "retention.tf", "locals.tf", "raw_events.json", "raw_events.sql")
_SHOWN = (
    "table_schemas",
    "nested_too_deep",
    "view_queries",
    "views_of_views",
    "launch_flags",
    "launch_command",
    "cloudbuild_substitutions",
    "cloudbuild_substitutions_line",
    "raw_events_query",
    "log_filters",
    "policies",
    "policy_seconds",
    "table_days",
    "lake_days",
)
_REFERENCE = re.compile(r"google_\w+\.\w+(?:\[[^]]+\])?\.\w+")


class Answer(NamedTuple):
    """Local values by name; `complaint` is what Terraform printed, in one line, if it refused.

    `warnings` are the messages of the checks that failed, which refuse nothing.
    """

    values: dict[str, Any]
    complaint: str
    warnings: list[str]


def evaluate(
    folder: Path, contract: dict[str, Any] | None = None, project_id: str = "my-shop", **variables: object
) -> Answer:
    """Evaluate the configuration in the empty `folder`, with another contract or other variables if given."""
    root = folder / "terraform"
    root.mkdir()
    for name in _COPIED:
        shutil.copy(FOLDER / name, root)
    (root / "monitoring.tf").write_text(_without_resources("monitoring.tf"), encoding="utf-8")
    contract = contract or json.loads((REPOSITORY / "schemas.json").read_text(encoding="utf-8"))
    (folder / "schemas.json").write_text(json.dumps(contract), encoding="utf-8")
    shown = "\n".join(f'output "{name}" {{\n  value = local.{name}\n}}\n' for name in _SHOWN)
    (root / "shown.tf").write_text(shown, encoding="utf-8")
    given = {"project_id": project_id, **variables}
    (root / "terraform.tfvars.json").write_text(json.dumps(given), encoding="utf-8")
    planned = terraform(root, "plan", "-no-color", "-input=false", "-out=plan")
    if planned.returncode:
        said = (line.lstrip("│╷╵ ") for line in (planned.stdout + planned.stderr).splitlines())
        return Answer({}, " ".join(" ".join(said).split()), [])
    plan = json.loads(terraform(root, "show", "-json", "plan").stdout)
    outputs = plan["planned_values"]["outputs"]
    checks = [instance for check in plan.get("checks", []) for instance in check.get("instances", [])]
    warnings = [problem["message"] for instance in checks for problem in instance.get("problems", [])]
    return Answer({name: output.get("value") for name, output in outputs.items()}, "", warnings)


def _without_resources(name: str) -> str:
    kept = [block for block in blocks() if block.file == name and block.kind in ("locals", "check")]
    text = "\n".join(
        " ".join([block.kind, *map(json.dumps, block.labels), "{"]) + f"\n{block.body}\n}}\n"
        for block in kept
    )
    return _REFERENCE.sub(lambda reference: json.dumps(reference[0]), text)


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run terraform in a folder, apart from this machine's settings; it asks nobody for a newer version."""
    environment = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    return subprocess.run(
        [TERRAFORM or "terraform", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
