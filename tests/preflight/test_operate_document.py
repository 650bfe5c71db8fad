"""docs/operate.md beside what it speaks of: Terraform, flags, and its own arithmetic."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path

import pytest

from pipeline.flags import all_flags
from pipeline.options import parse_job

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = (REPOSITORY / "docs" / "operate.md").read_text(encoding="utf-8")
SECURITY = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
TERRAFORM = {file.name: file.read_text(encoding="utf-8") for file in (REPOSITORY / "terraform").glob("*.tf")}
HOURS = 730


def table(first_cell: str) -> list[list[str]]:
    """The rows below the table's head that begins with `first_cell`."""
    lines = TEXT.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {first_cell} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip(" *") for cell in line.strip("|").split("|")])
    return rows


def declared(kind: str) -> set[str]:
    return {
        name for text in TERRAFORM.values() for name in re.findall(rf'^{kind} "(\w+)"', text, re.MULTILINE)
    }


def test_every_policy_is_explained_and_no_other() -> None:
    monitoring = TERRAFORM["monitoring.tf"]
    named = set(re.findall(r"^    (\w+) = \{\n      title ", monitoring, re.MULTILINE))
    named |= set(re.findall(r'"google_monitoring_alert_policy" "(\w+)"', monitoring)) - {"threshold"}
    assert len(named) > 7
    assert {row[0].strip("`") for row in table("policy")} == named


def test_every_terraform_output_and_variable_on_the_command_lines_exists() -> None:
    outputs = re.findall(r"output -raw (\w+)", TEXT)
    variables = re.findall(r"-var=(\w+)=", TEXT)
    assert set(outputs) >= {"launch_command", "raw_events_query"}
    assert set(outputs) <= declared("output")
    assert set(variables) >= {"project_id", "deletion_protection"}
    assert set(variables) <= declared("variable")


def test_every_account_in_the_table_is_made_and_every_made_one_is_in_the_table() -> None:
    made = set(re.findall(r'\{ id = "([a-z-]+)", is = ', TERRAFORM["iam.tf"]))
    assert len(made) > 5
    assert set(re.findall(r"^\| `([a-z-]+)` \|", SECURITY, re.MULTILINE)) == made


def test_every_flag_of_the_pipeline_that_is_named_exists() -> None:
    ours = {flag.name for flag in all_flags()} | {"skip_roles", "if_incompatible", "dry_run", "max_replays"}
    beams = {"temp_location", "staging_location", "service_account_email"}
    others = {"push_endpoint", "use_legacy_sql", "job_name", "dlq_subscription"}
    named = set(re.findall(r"--([a-z]+(?:_[a-z]+)+)", TEXT + SECURITY))
    assert named - ours - beams - others == set()


@pytest.mark.parametrize("program", ["pipeline.preflight", "pipeline.main"])
def test_a_command_parses(program: str) -> None:
    joined = re.sub(r"\\\n\s*", "", TEXT).replace("PROJECT", "shop-prod").replace("REGION", "europe-west1")
    commands = re.findall(rf"^ {{4}}\S*python -m {program} (.*)$", joined, re.MULTILINE)
    assert commands
    for command in commands:
        parse_job(shlex.split(command))


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_the_cost_table_is_what_its_formulas_give() -> None:
    rows = {row[0].split(",")[0].split(" =")[0]: row[1:] for row in table("orders a minute")}
    prices = {row[0]: float(row[1].split(" ")[0]) for row in table("price, US dollars")}
    pubsub = 2 * prices["Pub/Sub, in and out"] + prices["Pub/Sub to Cloud Storage"]
    for column, orders in enumerate((1e4, 1e6, 1e8)):
        events = orders / 1e4 * 420
        seconds = HOURS * 3600
        read_gb, row_gb = events * 550 * seconds / 1e9, events * 600 * seconds / 1e9
        vcpu = events * 121e-6 * 2 / 0.6
        workers = max(1, math.ceil(vcpu / 2))
        hour = 2 * prices["vCPU, streaming"] + 7.5 * prices["memory"] + 30 * prices["disk"]
        costs = {
            "workers": workers * hour * HOURS,
            "Streaming Engine": read_gb * 4 * prices["Streaming Engine"],
            "Pub/Sub": read_gb * 1e9 / 2**40 * pubsub,
            "BigQuery writes": events * 1000 * seconds / 2e8 * prices["BigQuery `insertAll`"],
            "storage added each month": (row_gb + read_gb + row_gb / 4) * 0.02,
        }
        said = {name: number(rows[name][column]) for name in costs if name != "workers"}
        said["workers"] = number(_row("workers, $")[column])
        assert number(rows["events/s"][column]) == events
        assert number(_row("vCPU =")[column]) == pytest.approx(vcpu, rel=0.05)
        assert number(_row("workers for that")[column]) == workers
        assert said == pytest.approx(costs, rel=0.02)
        assert number(_row("a month, $")[column]) == pytest.approx(sum(costs.values()), rel=0.05)


def _row(start: str) -> list[str]:
    (row,) = [row for row in table("orders a minute") if row[0].startswith(start)]
    return row[1:]


def test_the_memory_table_is_what_its_formula_gives() -> None:
    for ttl, *cells in table("`--dedup_ttl_seconds`"):
        seconds = int(re.sub(r"\D", "", ttl.split(" ")[0]))
        for orders, cell in zip((1e4, 1e6, 1e8), cells, strict=True):
            ids = orders / 1e4 * 420 * 2 * seconds
            index = number(cell.split("; ")[-1])
            assert index == pytest.approx(ids * 35 / 1e9, rel=0.05)
            if ";" in cell:
                assert number(cell.split("; ")[0]) == pytest.approx(ids * 24 / 1e9, rel=0.05)
