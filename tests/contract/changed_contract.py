"""Changes of the contract, and what the loader says of a contract that is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract import CONTRACT_PATH, load_contract
from pipeline.errors import ContractFileError

Content = dict[str, Any]
Change = Callable[[Content], object]


def orders(content: Content) -> Content:
    table: Content = content["tables"]["orders"]
    return table


def activity(content: Content) -> Content:
    table: Content = content["tables"]["user_activity"]
    return table


def columns(content: Content, table: str = "orders") -> list[Content]:
    found: list[Content] = content["tables"][table]["columns"]
    return found


def column(content: Content, name: str, table: str = "orders") -> Content:
    return next(each for each in columns(content, table) if each["name"] == name)


def earlier(content: Content, version: str = "1") -> Content:
    shape: Content = activity(content)["earlier_versions"][version]
    return shape


def rename(mapping: Content, old: str, new: str) -> None:
    mapping[new] = mapping.pop(old)


def write_changed(path: Path, change: Change) -> None:
    content = json.loads(CONTRACT_PATH.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def refusal_of(change: Change, folder: Path) -> str:
    """The sentence with which the changed contract is refused."""
    path = folder / "schemas.json"
    write_changed(path, change)
    with pytest.raises(ContractFileError) as refused:
        load_contract(path)
    return str(refused.value)
