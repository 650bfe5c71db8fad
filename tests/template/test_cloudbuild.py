"""cloudbuild.yaml: what waits for what, and that every substitution is there. And the workflow of GitHub."""

from __future__ import annotations

import re
import subprocess
from graphlib import TopologicalSorter
from typing import Any

import pytest

from deploy import launch
from tests.template.files import text_of, yaml_of

BUILD = yaml_of("cloudbuild.yaml")
STEPS: dict[str, dict[str, Any]] = {step["id"]: {"entrypoint": "", **step} for step in BUILD["steps"]}
BUILT_IN = {"PROJECT_ID", "BRANCH_NAME", "SHORT_SHA"}
WORKFLOW = ".github/workflows/test.yml"
CHECKS = {"lint", "types", "tests"}
PREPARATIONS = {"set-up", "terraform", "published-contract"}
COMMANDS_SECONDS = 300
"""What gcloud's own commands may take during a launch: about ten that are no waiting."""


def waits_for(step: str) -> list[str]:
    return [name for name in STEPS[step]["waitFor"] if name != "-"]


def before(step: str) -> set[str]:
    """Every step that has ended well when this one starts."""
    direct = waits_for(step)
    return set(direct).union(*map(before, direct)) if direct else set()


def scripts() -> list[Any]:
    return [
        pytest.param(step["args"][1], id=name) for name, step in STEPS.items() if step["entrypoint"] == "bash"
    ]


def test_steps_in_their_order() -> None:
    assert list(STEPS) == [
        *("set-up", "terraform", "published-contract", "contract", "lint", "types", "tests"),
        *("pipeline-image", "generator-image", "push-pipeline-image", "push-generator-image"),
        *("spec", "publish", "launch"),
    ]


def test_every_step_says_what_it_waits_for_and_none_waits_for_itself() -> None:
    # Without waitFor a step waits for all before it; said is better than meant.
    assert [name for name, step in STEPS.items() if "waitFor" not in step] == []
    assert [name for name in STEPS if not set(waits_for(name)) <= set(STEPS)] == []
    order = list(TopologicalSorter({name: waits_for(name) for name in STEPS}).static_order())
    assert (set(order[:3]), order[-1]) == (PREPARATIONS, "launch")


def test_a_failing_check_stops_everything_but_the_other_checks() -> None:
    checks = {*CHECKS, "contract"}
    for check in checks:
        assert {name for name in STEPS if check not in before(name)} == {*PREPARATIONS, *checks}
    assert not any(step.get("allowFailure") or step.get("allowExitCodes") for step in STEPS.values())


def test_the_template_is_published_once_its_image_is_there() -> None:
    assert "push-pipeline-image" in before("publish")
    assert before("launch") == set(STEPS) - {"launch"}


def test_the_checks_are_those_of_make_test() -> None:
    (test,) = re.findall(r"^test: (.+?) ##", text_of("Makefile"), re.MULTILINE)
    assert set(test.split()) == CHECKS
    assert {name: (STEPS[name]["entrypoint"], STEPS[name]["args"]) for name in CHECKS} == {
        name: ("make", [name]) for name in CHECKS
    }


def test_the_tests_find_terraform_instead_of_leaving_its_tests_out() -> None:
    assert STEPS["terraform"]["args"][1].endswith("cp /bin/terraform .tools/")
    assert "terraform" in before("tests")
    assert STEPS["tests"]["env"][0].startswith("PATH=/workspace/.tools:")
    (uses,) = (
        step for step in yaml_of(WORKFLOW)["jobs"]["test"]["steps"] if "terraform" in step.get("uses", "")
    )
    assert STEPS["terraform"]["name"] == f"hashicorp/terraform:{uses['with']['terraform_version']}"


def test_every_substitution_is_declared_and_every_declared_one_used() -> None:
    text = re.sub(r"\$\$\w+", "", re.sub(r"^\s*#.*$", "", text_of("cloudbuild.yaml"), flags=re.MULTILINE))
    used = set(re.findall(r"\$\{?(\w+)\}?", text))
    assert used == {*BUILD["substitutions"], *BUILT_IN}
    assert all(name.startswith("_") for name in BUILD["substitutions"])


def test_substitutions_that_hold_others_are_allowed() -> None:
    assert BUILD["options"]["dynamicSubstitutions"] is True


def test_the_build_has_an_account_of_its_own_and_so_its_logs_a_place() -> None:
    assert BUILD["serviceAccount"].endswith("/serviceAccounts/${_CI_ACCOUNT}")
    assert BUILD["options"]["logging"] == "CLOUD_LOGGING_ONLY"


def seconds_of(limits: dict[str, Any]) -> int:
    """The timeout of a step or of the build."""
    return int(limits["timeout"].removesuffix("s"))


def longest_way_to(step: str) -> int:
    """The seconds until this step has ended, if it and each one before it take as long as they may."""
    return seconds_of(STEPS[step]) + max(map(longest_way_to, waits_for(step)), default=0)


def test_the_launch_ends_by_itself_and_is_not_killed_between_drain_and_relaunch() -> None:
    request = launch.parse(["--project=p", "--region=r", "--template=gs://b/t.json"])
    # An old job that starts, the update, the drain, the new job; and a look at the log at each poll.
    waiting = 4 * (request.wait_minutes * 60 + request.poll_seconds)
    looking = launch.LOOKS_AT_THE_LOG * request.poll_seconds
    assert waiting + looking + COMMANDS_SECONDS < seconds_of(STEPS["launch"])


def test_the_build_ends_in_time() -> None:
    assert [name for name, step in STEPS.items() if "timeout" not in step] == []
    assert max(map(longest_way_to, STEPS)) == longest_way_to("launch") < seconds_of(BUILD)


def test_images_are_tagged_with_the_commit() -> None:
    pushed = {STEPS[name]["args"][1] for name in ("push-pipeline-image", "push-generator-image")}
    assert pushed == {"${_IMAGES}/pipeline:${SHORT_SHA}", "${_IMAGES}/generator:${SHORT_SHA}"}
    for name in ("pipeline", "generator"):
        built = STEPS[f"{name}-image"]["args"]
        assert {f"--target={name}", f"--tag=${{_IMAGES}}/{name}:${{SHORT_SHA}}"} < set(built)
    assert "--build-arg=IMAGE=${_IMAGES}/pipeline:${SHORT_SHA}" in STEPS["pipeline-image"]["args"]


def test_every_builder_has_a_version_but_googles_docker() -> None:
    builders = {step["name"] for step in STEPS.values()}
    assert [name for name in builders if not re.search(r":\d", name)] == ["gcr.io/cloud-builders/docker"]


@pytest.mark.parametrize("script", scripts())
def test_a_script_is_bash_and_stops_at_its_first_failure(script: str) -> None:
    as_bash = re.sub(r"\$\{\w+\}", "value", script).replace("$$", "$")
    parsed = subprocess.run(["bash", "-n"], input=as_bash, text=True, capture_output=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def test_every_script_stops_at_its_first_failure() -> None:
    flags = [step["args"][0] for step in STEPS.values() if step["entrypoint"] == "bash"]
    assert flags == ["-ceu"] * 5


def test_github_runs_the_same_command() -> None:
    workflow = yaml_of(WORKFLOW)
    steps = workflow["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["make contract", "make test"]
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow[True] == {"push": None, "pull_request": None}  # YAML 1.1 reads `on` as true
    assert [step["uses"] for step in steps if "uses" in step and not re.search(r"@v\d+$", step["uses"])] == []
