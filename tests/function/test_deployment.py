"""The folder as it is deployed: settings, requirements, the contract it repeats."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from alert import SEVERITIES, STATES, Alert, check
from tests.function.function_process import FOLDER, command, environment

SOURCES = sorted(FOLDER.rglob("*.py"))
SLACK = {"ALERT_CHANNELS": "slack"}
WEBHOOK = {"ALERT_CHANNELS": "webhook", "WEBHOOK_URL": "http://127.0.0.1:1/secret"}
PAGERDUTY = {"ALERT_CHANNELS": "pagerduty", "PAGERDUTY_ROUTING_KEY": "secret"}
WRONG: list[tuple[dict[str, str], str]] = [
    ({"ALERT_CHANNELS": "console,pager"}, "ALERT_CHANNELS names 'pager', which is no channel"),
    ({"ALERT_CHANNELS": "console,"}, "ALERT_CHANNELS names '', which is no channel"),
    ({"ALERT_CHANNELS": "file"}, "ALERT_CHANNELS names file, but ALERT_FILE is not set; set it."),
    (
        {"ALERT_CHANNELS": "file", "ALERT_FILE": "/no/such/file"},
        "ALERT_FILE is '/no/such/file'; use the path",
    ),
    (SLACK, "ALERT_CHANNELS names slack, but SLACK_WEBHOOK_URL is not set; set it."),
    ({**SLACK, "SLACK_WEBHOOK_URL": " "}, "but SLACK_WEBHOOK_URL is not set"),
    ({**SLACK, "SLACK_WEBHOOK_URL": "hooks/secret"}, "SLACK_WEBHOOK_URL is not a URL"),
    ({**SLACK, "SLACK_WEBHOOK_URL": "https://h:secret/x"}, "SLACK_WEBHOOK_URL is not a URL"),
    ({**SLACK, "SLACK_WEBHOOK_URL": "https://u:secret@h/x"}, "SLACK_WEBHOOK_URL holds a user or a password"),
    ({"ALERT_CHANNELS": "pagerduty"}, "but PAGERDUTY_ROUTING_KEY is not set"),
    ({**PAGERDUTY, "PAGERDUTY_URL": "ftp://x"}, "PAGERDUTY_URL is not a URL"),
    ({"ALERT_CHANNELS": "webhook"}, "but WEBHOOK_URL is not set"),
    ({**WEBHOOK, "WEBHOOK_TOKEN": "secret\nX-Injected: 1"}, "WEBHOOK_TOKEN holds a space"),
    (
        {"CONSOLE_MIN_SEVERITY": "fatal"},
        "CONSOLE_MIN_SEVERITY is 'fatal'; use info, warning, error, critical",
    ),
    *(
        (
            {"SLACK_MIN_BREACHES": count, **SLACK, "SLACK_WEBHOOK_URL": "https://h/x"},
            f"SLACK_MIN_BREACHES is '{count}",
        )
        for count in ("0", "-1", "five", "1.5", "²", "9" * 100)
    ),
    ({"CONSOLE_MIN_BREACHES": "none"}, "is 'none'; use a whole number of at least 1."),
    ({"ALERT_STATE": "s3://bucket"}, "ALERT_STATE is 's3://bucket'; use gs://bucket/prefix"),
    ({"ALERT_STATE": "gs:///prefix"}, "ALERT_STATE is 'gs:///prefix'; use gs://bucket/prefix"),
    ({"ALERT_STATE": "/dev/null/folder"}, "ALERT_STATE is '/dev/null/folder', which is no folder"),
]


@pytest.mark.parametrize(("variables", "sentence"), WRONG, ids=[sentence[:60] for _, sentence in WRONG])
def test_wrong_setting_ends_the_cold_start_with_one_sentence(
    variables: dict[str, str], sentence: str
) -> None:
    ended = subprocess.run(
        command(port=1), env=environment(**variables), capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == ""
    line = json.loads(ended.stdout)
    assert line["severity"] == "CRITICAL"
    assert sentence in line["message"]
    assert "secret" not in ended.stdout


def alerts_columns() -> list[dict[str, str]]:
    contract = json.loads((FOLDER.parents[1] / "schemas.json").read_text())
    columns: list[dict[str, str]] = contract["tables"]["alerts"]["columns"]
    return columns


def test_fields_of_an_alert_are_the_columns_of_the_contract() -> None:
    types = {"STRING": "str", "TIMESTAMP": "str", "FLOAT": "float", "INTEGER": "int"}
    assert {field.name: field.type for field in dataclasses.fields(Alert)} == {
        column["name"]: types[column["type"]] + (" | None" if column["mode"] == "NULLABLE" else "")
        for column in alerts_columns()
    }


def test_words_of_an_alert_are_those_of_the_contract() -> None:
    said = {column["name"]: set(re.findall(r"\w+", column["description"])) for column in alerts_columns()}
    assert said["state"] - {"or"} == set(STATES)
    assert said["severity"] - {"or"} == set(SEVERITIES)


def test_alert_of_required_columns_only_is_accepted() -> None:
    required = {
        "STRING": "x",
        "TIMESTAMP": "2026-03-02T10:00:00.000000Z",
        "FLOAT": 1.0,
    }
    columns = [column for column in alerts_columns() if column["mode"] == "REQUIRED"]
    row = {column["name"]: required[column["type"]] for column in columns}
    assert check({**row, "state": "open", "severity": "info"}).score is None


def imported_modules(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_function_imports_nothing_of_the_pipeline() -> None:
    roots = {module.partition(".")[0] for source in SOURCES for module in imported_modules(source)}
    assert roots & {"pipeline", "generator", "local", "functions", "tests", "apache_beam"} == set()
    assert "channels" in roots


def test_every_requirement_is_pinned_and_hashed() -> None:
    wanted = (FOLDER / "requirements.in").read_text().split()
    text = (FOLDER / "requirements.txt").read_text()
    pins = re.findall(r"^([a-z0-9-]+)(?:\[.*])?==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert set(wanted) <= set(pins)
    assert len(pins) == len(lines)


def test_every_variable_is_documented() -> None:
    readme = (FOLDER / "README.md").read_text()
    settings = (FOLDER / "settings.py").read_text()
    variables = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', settings))
    assert "ALERT_CHANNELS" in variables
    assert "SLACK_WEBHOOK_URL" in variables
    assert [name for name in sorted(variables) if f"`{name}`" not in readme] == []
