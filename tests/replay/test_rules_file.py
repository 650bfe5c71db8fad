"""A wrong file of rules is refused with one sentence that says where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.replay.rules import load_rules

WHEN = {"path": "/a", "exists": True}
DO = {"drop": "/a"}


def complaint(content: Any, folder: Path) -> str:
    path = folder / "rules.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(UsageError) as raised:
        load_rules(str(path))
    return str(raised.value)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"do": DO}, 'rules[1]: the key "when" is missing.'),
        ({"when": WHEN}, 'rules[1]: the key "do" is missing.'),
        ({"when": WHEN, "do": DO, "wen": 1}, 'rules[1]: unknown key "wen"; did you mean "when"?'),
        ({"when": [], "do": DO}, "rules[1].when: must be a list with at least one entry."),
        ({"when": WHEN, "do": []}, "rules[1].do: must be a list with at least one entry."),
        ({"when": [WHEN, 5], "do": DO}, "rules[1].when[1]: must be an object."),
        ({"when": {}, "do": DO}, "rules[1].when: must have exactly one of exists, equals, type, "),
        ({"when": {"path": "/a", "exist": True}, "do": DO}, 'unknown key "exist"; did you mean "exists"?'),
        ({"when": {"path": "/a", "exists": 1}, "do": DO}, "when.exists: must be true or false."),
        ({"when": {"exists": True}, "do": DO}, 'rules[1].when: the key "path" is missing.'),
        ({"when": {"path": "a", "exists": True}, "do": DO}, "when.path: 'a' is no JSON Pointer: it must "),
        ({"when": {"path": 5, "exists": True}, "do": DO}, "when.path: must be a JSON Pointer, such as "),
        ({"when": {"path": "/a", "type": "int"}, "do": DO}, 'when.type: unknown type "int"; '),
        ({"when": {**WHEN, "in": "header"}, "do": DO}, 'when.in: unknown place "header"; '),
        ({"when": {**WHEN, "in": "attributes", "path": "/a/b"}, "do": DO}, "attribute is named by one step"),
        ({"when": {"reason": 5}, "do": DO}, "when.reason: must be a string, or a list of strings"),
        ({"when": {"reason": []}, "do": DO}, "when.reason: must be a string, or a list of strings"),
        ({"when": {"reason": "x", "path": "/a"}, "do": DO}, 'when: unknown key "path"; '),
        ({"when": WHEN, "do": {"delete": "/a"}}, 'do: unknown key "delete"; use one of set, rename'),
        ({"when": WHEN, "do": {"drop": "/a", "set": "/a"}}, "do: must have exactly one of set, rename, "),
        ({"when": WHEN, "do": {"drop": ""}}, "do.drop: the whole payload cannot be changed: "),
        ({"when": WHEN, "do": {"set": "/a"}}, 'rules[1].do: the key "value" is missing.'),
        ({"when": WHEN, "do": {"drop": "/a", "value": 1}}, 'do: unknown key "value"; '),
        ({"when": WHEN, "do": {"rename": "/a", "to": "/a/b"}}, "do.to: a value cannot be moved to where"),
        ({"when": WHEN, "do": [DO, {"rename": "/a", "to": "b"}]}, "do[1].to: 'b' is no JSON Pointer"),
        ({"when": WHEN, "do": {"cast": "/a", "as": "int"}}, 'do.as: unknown type "int"; '),
        ({"when": WHEN, "do": {"cast": "/a", "as": "timestamp"}}, 'rules[1].do: the key "unit" is missing.'),
        ({"when": WHEN, "do": {"cast": "/a", "as": "timestamp", "unit": "h"}}, 'do.unit: unknown unit "h"; '),
        ({"when": WHEN, "do": {"cast": "/a", "as": "integer", "unit": "s"}}, 'do: unknown key "unit"; '),
        ({"when": WHEN, "do": {"in": "attributes", "cast": "/a", "as": "string"}}, "attributes are strings"),
        ({"when": WHEN, "do": {"in": "attributes", "set": "/a", "value": 5}}, "do.value: the value of an "),
        ({"when": WHEN, "do": {"in": "attributes", "drop": "/replay_count"}}, "is set by the replay itself"),
    ],
)  # fmt: skip
def test_wrong_rule_is_named_with_its_index_and_key(rule: Any, said: str, tmp_path: Path) -> None:
    complained = complaint({"rules": [{"when": WHEN, "do": DO}, rule]}, tmp_path)
    assert complained.startswith("--rules: rules.json: rules[1]")
    assert said in complained


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty; "),
        (b"{", "the file is not JSON: "),
        (b"[]", "the file is an array; "),
        (b"\xff", "the file is not UTF-8: "),
        (b'{"rules": [], "rules": []}', "stands"),
        ({}, 'the key "rules" is missing.'),
        ({"rules": []}, "rules: must be a list with at least one entry."),
        ({"rules": [{"when": WHEN, "do": DO}], "rule": 1}, 'unknown key "rule"; did you mean "rules"?'),
    ],
)
def test_file_that_holds_no_rules_is_refused(content: Any, said: str, tmp_path: Path) -> None:
    assert said in complaint(content, tmp_path)


def test_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=re.escape(f"--rules={tmp_path}/none.json cannot be read: No such file")
    ):
        load_rules(f"{tmp_path}/none.json")
