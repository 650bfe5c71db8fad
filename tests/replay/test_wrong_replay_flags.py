"""What is said of a wrong flag: one line, exit code 2, and nothing has started."""

from __future__ import annotations

import pytest

from pipeline.replay.__main__ import main
from tests.options.complaints import complaint_of

GIVEN = ["--from=table", "--bq_dataset=local-shop:events", "--topic=projects/local-shop/topics/events"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--rason=x"], "--rason is not a flag of the replay: did you mean --reason?"),
        (["letters.json"], "letters.json is not a flag of the replay: --help lists the flags."),
        (["--from=file"], "argument --from: invalid choice: 'file'"),
        (["--bq_dataset=none"], "--bq_dataset=none does not have the form PROJECT:DATASET."),
        (["--topic=events"], "--topic=events does not have the form projects/PROJECT/topics/NAME."),
        (["--from=subscription"], "--dlq_subscription is missing: name "),
        (
            ["--dlq_subscription=projects/local-shop/subscriptions/dlq"],
            "--dlq_subscription means nothing with --from=table: ",
        ),
        (["--reason=not_utf"], "--reason=not_utf is unknown: did you mean not_utf8?"),
        (["--reason=wrong_type,"], "--reason has an empty value: name one, or several after commas."),
        (["--event_type=orders"], "--event_type=orders is unknown: did you mean order?"),
        (["--fingerprint=ABC"], "--fingerprint=ABC is none: it has 16 of the digits 0-9a-f; "),
        (["--since=yesterday"], "--since=yesterday is not RFC 3339, such as "),
        (["--since=2026-02-30"], "--since=2026-02-30 has a date that does not exist: give a date such as "),
        (["--limit=0"], "--limit=0 is too small: it must be 1 or more."),
        (["--max_replays=0"], "--max_replays=0 is too small: it must be 1 or more."),
        (["--max_replays=101"], "--max_replays=101 is too large: it must be 100 or less."),
        (["--rate=0"], "--rate=0.0 is too small: it must be 0.1 or more."),
        (["--wait_seconds=nan"], "--wait_seconds=nan is not a number: "),
        (["--dry_run=perhaps"], "argument --dry_run: 'perhaps' is neither true nor false; "),
        (["--only_repaired"], "--only_repaired leaves every letter without --rules: "),
        (["--rules=/none/rules.json"], "--rules=/none/rules.json cannot be read: No such file"),
        (["--replay_id=a run"], "--replay_id=a run does not have the form up to 100 letters, "),
        (["--schemas_path=/none/schemas.json"], "/none/schemas.json: cannot be read: "),
    ],
)
def test_wrong_flag_is_one_line(changes: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint_of(main, [*GIVEN, *changes], capsys).startswith(said)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("from", "--from is missing: name subscription or table."),
        ("bq_dataset", "--bq_dataset is missing: name PROJECT:DATASET."),
        ("topic", "--topic is missing: name projects/PROJECT/topics/NAME, or add --dry_run."),
    ],
)
def test_missing_flag_is_named(missing: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [flag for flag in GIVEN if not flag.startswith(f"--{missing}=")]
    assert complaint_of(main, flags, capsys) == said
