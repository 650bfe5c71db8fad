from __future__ import annotations

import socket
from pathlib import Path

import pytest

from local.__main__ import main


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["up"], "python -m local up: the following arguments are required: --env-file\n"),
        (
            ["up", "--env-file", "no-such-folder/stack.env"],
            "python -m local up: argument --env-file: 'no-such-folder/stack.env' is not a file in a folder "
            "that exists\n",
        ),
        (
            ["up", "--env-file", "stack.env", "--pubsub-port", "65536"],
            "python -m local up: argument --pubsub-port: '65536' is not a port: give 0 (a free one) to "
            "65535\n",
        ),
        (
            ["up", "--env-file", "stack.env", "--project", "Shop"],
            "python -m local up: argument --project: 'Shop' is not a project id: 6 to 30 lower-case letters, "
            "digits and hyphens, first a letter\n",
        ),
        (
            ["up", "--env-file", "stack.env", "--bigquery-port", "9050", "--storage-port", "9050"],
            "python -m local up: --bigquery-port: 9050 is given to two parts\n",
        ),
        (
            ["demo", "--seconds", "74"],  # its second incident must be over
            "python -m local demo: argument --seconds: '74' is not a number of seconds from 75 to 3600\n",
        ),
        (["sql"], "python -m local sql: the following arguments are required: SELECT …\n"),
    ],
)
def test_wrong_flag_ends_with_one_sentence_and_code_2(
    flags: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(flags)
    assert (ended.value.code, capsys.readouterr().err) == (2, sentence)
    assert list(tmp_path.iterdir()) == []


def test_port_in_use_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env_file, state = str(tmp_path / "stack.env"), str(tmp_path / "state")
        with pytest.raises(SystemExit) as ended:
            main(["up", "--env-file", env_file, "--state", state, "--storage-port", str(port)])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"python -m local up: --storage-port: {port} is in use: choose another, or 0 for a free one\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_sql_without_a_warehouse_says_how_to_get_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["sql", "SELECT 1", "--state", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"There is no warehouse in {tmp_path}: run `make demo` first, or name its folder with --state.\n"
    )
    assert list(tmp_path.iterdir()) == []
