"""What `python -m local.chaos` says: of its flags, and of what has come out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.chaos.__main__ import main
from local.chaos.outcome import NOTHING
from local.chaos.recovery import NEVER
from local.chaos.report import markdown, sentences, write_reports
from local.chaos.scenario import Result

GOOD = Result(
    scenario="kill",
    seed=3,
    what="kill -9.",
    control="",
    outcome=NOTHING._replace(published=1_340, duplicated_raw=209, letters_expected=60, letters_seen=60),
    outage_seconds=4.8,
    recovery_seconds=0.7,
    all_back_seconds=5.4,
    exit_codes=[-9],
    faults=0,
    failures=[],
)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--only", "flood"], "invalid choice: 'flood'"),
        (["--seeds", "1,1"], "'1,1' is not a list of different whole numbers, such as 1,2,3"),
        (["--seeds", "one"], "'one' is not a list of different whole numbers, such as 1,2,3"),
        (["--side_by_side", "0"], "'0' is not a whole number from 1 to 16"),
    ],
)
def test_a_wrong_flag_is_answered_with_one_sentence(
    flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(flags)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_a_folder_with_other_files_is_not_emptied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SystemExit) as ended:
        main(["--output", str(tmp_path)])
    assert ended.value.code == 2
    assert "holds files that no run of this made" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_report_has_a_row_for_each_trial() -> None:
    row = "| kill | 3 | 1,340 | 0 | 209 | 0 | 60 of 60 | 4.8 | 0.7 | 5.4 | -9 | yes |"
    assert row in markdown([GOOD]).splitlines()


def test_the_report_says_what_failed_and_what_was_slow() -> None:
    slow = GOOD._replace(scenario="bigquery-503", recovery_seconds=12.0, failures=["lost is 2, not 0"])
    assert sentences([GOOD, slow]) == [
        "bigquery-503 3: lost is 2, not 0.",
        "bigquery-503 3: the recovery took longer than the outage (12.0 s after 4.8 s).",
        "1 of 2 recoveries took no longer than their outage.",
    ]


def test_the_report_says_what_never_came_back(tmp_path: Path) -> None:
    gone = GOOD._replace(recovery_seconds=NEVER, all_back_seconds=NEVER)
    assert sentences([gone]) == [
        "kill 3: something published during the outage never came back.",
        "0 of 1 recoveries took no longer than their outage.",
    ]
    assert "| 4.8 | never | never |" in markdown([gone])
    write_reports([gone], tmp_path)
    (figures,) = json.loads((tmp_path / "chaos.json").read_text(), parse_constant=pytest.fail)
    assert figures["recovery_seconds"] == "never"


def test_the_report_says_what_a_control_has_shown() -> None:
    control = GOOD._replace(
        scenario="control-early-acknowledgement",
        control="acknowledged_and_lost",
        outcome=GOOD.outcome._replace(acknowledged_and_lost=7),
        outage_seconds=None,
        recovery_seconds=None,
    )
    assert (
        sentences([control])[-1] == "control-early-acknowledgement 3: acknowledged and lost 7, as it must be."
    )
