"""docs/replay.md names the flags there are, with their defaults."""

from __future__ import annotations

import re

import pytest

from pipeline.command_flags import Flag
from pipeline.replay.options import FLAGS
from tests.endtoend.pipeline_process import REPOSITORY

TEXT = (REPOSITORY / "docs" / "replay.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `--(\w+)` \|(.*?)\|(.*)\|$", TEXT, re.MULTILINE)


def test_every_flag_has_its_row_and_there_is_no_other() -> None:
    assert [name for name, _, _ in ROWS] == [flag.name for flag in FLAGS]


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_default_of_a_flag_is_told(flag: Flag) -> None:
    (told,) = [default.strip() for name, default, _ in ROWS if name == flag.name]
    if flag.required:
        assert told == "required"
    elif flag.default is None:
        assert told == ""
    else:
        assert told == f"`{str(flag.default).lower()}`"
