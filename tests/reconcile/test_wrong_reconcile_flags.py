"""What is said of a wrong flag: one line, exit code 2, and nothing has started."""

from __future__ import annotations

import pytest

from pipeline.reconcile.__main__ import main
from tests.options.complaints import complaint_of

GIVEN = ["--bq_dataset=local-shop:events", "--since=2026-03-02"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--sinse=x"], "--sinse is not a flag of the reconciliation: did you mean --since?"),
        (["raw.jsonl"], "raw.jsonl is not a flag of the reconciliation: --help lists the flags."),
        (["--bq_dataset=none"], "--bq_dataset=none does not have the form PROJECT:DATASET."),
        (["--since=yesterday"], "--since=yesterday is not RFC 3339, such as "),
        (["--until=2026-02-30"], "--until=2026-02-30 has a date that does not exist: give 2026-03-02 or "),
        (["--until=2026-03-01"], "--since=2026-03-02 is not before --until=2026-03-01: "),
        (["--since=9000-01-01"], "--since=9000-01-01 is not before now: there is nothing between them."),
        (["--since=9000-01-01", "--until=finished"], "--since=9000-01-01 is not before now: "),
        (["--input_path=/none/*.avro"], "--input_path=/none/*.avro matches no file: check the path, and "),
        (["--manifest=/none/manifest.json"], "--manifest=/none/manifest.json cannot be read: No such file"),
        (["--quality_window_seconds=0"], "--quality_window_seconds=0 is too small: it must be 1 or more."),
        (["--quality_window_seconds=86401"], "--quality_window_seconds=86401 is too large: "),
        (["--unknown_fields=keep"], "argument --unknown_fields: invalid choice: 'keep'"),
        (["--max_future_seconds=-1"], "--max_future_seconds=-1 is too small: it must be 0 or more."),
        (["--json=perhaps"], "argument --json: 'perhaps' is neither true nor false; "),
        (["--schemas_path=/none/schemas.json"], "/none/schemas.json: cannot be read: "),
    ],
)
def test_wrong_flag_is_one_line(changes: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint_of(main, [*GIVEN, *changes], capsys).startswith(said)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("bq_dataset", "--bq_dataset is missing: name PROJECT:DATASET."),
        ("since", "--since is missing: name 2026-03-02 or 2026-03-02T10:04:11Z, or a --manifest."),
    ],
)
def test_missing_flag_is_named(missing: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [flag for flag in GIVEN if not flag.startswith(f"--{missing}=")]
    assert complaint_of(main, flags, capsys) == said
