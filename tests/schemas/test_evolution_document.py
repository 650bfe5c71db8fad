"""What docs/schema-evolution.md shows is what the command prints and what the pipeline does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.contract import CONTRACT_PATH
from pipeline.replay.repair import repair
from pipeline.replay.rules import read_rules
from pipeline.schemas.__main__ import main
from tests.contract.messages import message, row, verdict
from tests.docs.readme import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "schema-evolution.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.+?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


def add_channel(content: dict[str, Any]) -> None:
    table = content["tables"]["user_activity"]
    table["schema_version"] = 4
    channel = {"name": "channel", "type": "STRING", "mode": "NULLABLE", "description": "Where it was done."}
    table["columns"].insert(4, channel)


def rename_total(content: dict[str, Any]) -> None:
    (total,) = (each for each in content["tables"]["orders"]["columns"] if each["name"] == "total_amount")
    total.update(name="total", mode="NULLABLE")


@pytest.mark.parametrize(
    ("change", "code", "block"), [(add_channel, 0, 0), (rename_total, 1, 1)], ids=["add", "rename"]
)
def test_the_commands_output_is_the_one_that_is_shown(
    change: Callable[[dict[str, Any]], None],
    code: int,
    block: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = json.loads(CONTRACT_PATH.read_bytes())
    change(content)
    newer = tmp_path / "schemas.json"
    newer.write_text(json.dumps(content))
    assert main(["check", str(CONTRACT_PATH), str(newer)]) == code
    assert capsys.readouterr().out == BLOCKS[block]


def test_the_old_event_becomes_the_row_that_is_shown() -> None:
    (payload,) = re.findall(r"^    data +(\{.+?\})$", DOCUMENT, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"becomes the row `(.+?), …\}`", DOCUMENT, re.DOTALL)
    raw = message(payload.encode(), {"event_type": "user_activity", "schema_version": "1"})
    expected = json.loads(shown + "}")
    parsed = row(raw)
    assert {name: parsed[name] for name in expected} == expected


def test_the_rule_that_labels_old_events_lands_them() -> None:
    (shown,) = re.findall(r"^  `(\{\"when\".+\})`", DOCUMENT, re.MULTILINE)
    said = {"event_type": "user_activity", "event_id": "e1"}
    raw = message({"event_type": "login", "event_time": "2024-05-01T12:00:00Z", "quantity": 1}, said)
    assert verdict(raw)[0] == "missing_field"
    labelled = repair(raw.payload, raw.attributes, {}, read_rules({"rules": [json.loads(shown)]}))
    parsed = row(replace(raw, payload=labelled.payload, attributes=labelled.attributes))
    assert (parsed["schema_version"], parsed["metadata"]) == (2, {"quantity": 1})
