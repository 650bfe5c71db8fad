from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local.errors import StackError, StateInUseError
from local.stack import Stack
from local.state import StateFolder, read_environment_file, write_environment_file


def test_environment_file_survives_spaces_quotes_and_dollars(tmp_path: Path) -> None:
    variables = {"A": "plain", "B": "/with space/it's", "C": "$HOME=1", "D": ""}
    write_environment_file(tmp_path / "stack.env", variables)
    assert read_environment_file(tmp_path / "stack.env") == variables


def test_environment_file_can_be_sourced_by_a_shell(tmp_path: Path) -> None:
    write_environment_file(tmp_path / "stack.env", {"B": "/with space/it's $HOME"})
    done = subprocess.run(
        ["sh", "-c", '. "$0"; printf %s "$B"', tmp_path / "stack.env"], capture_output=True, check=True
    )
    assert done.stdout == b"/with space/it's $HOME"


def test_state_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first, second = StateFolder(tmp_path / "state"), StateFolder(tmp_path / "state")
    first.lock()
    with pytest.raises(StateInUseError, match=r"A stack already works on .*/state \(process \d+\)"):
        second.lock()
    first.unlock()
    second.lock()
    second.unlock()


def test_only_the_holder_unlocks_and_forgets_the_addresses(tmp_path: Path) -> None:
    holder, other = StateFolder(tmp_path / "state"), StateFolder(tmp_path / "state")
    holder.lock()
    holder.record({"BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:1"})
    other.unlock()
    assert other.recorded() == {"BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:1"}
    holder.unlock()
    assert other.recorded() is None


def test_clear_keeps_only_the_lock(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    state.lock()
    (state.path / "bigquery").mkdir()
    (state.path / "bigquery" / "data").write_text("old")
    (state.path / "note").write_text("old")
    state.clear()
    assert [entry.name for entry in state.path.iterdir()] == ["stack.lock"]
    state.unlock()


def test_fresh_never_empties_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StackError, match="holds files that no stack made"):
        Stack(tmp_path, fresh=True).start()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_state_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StackError, match=r"The state folder .*/state cannot be written: File exists\."):
        StateFolder(tmp_path / "state").lock()
