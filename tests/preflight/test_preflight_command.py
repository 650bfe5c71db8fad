from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack import Stack
from pipeline.main import main as pipeline_main
from pipeline.preflight.__main__ import main
from tests.preflight.ground import Ground, preflight

Capture = pytest.CaptureFixture[str]
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--input_subscription=events-sub", "--output_bucket=lake", "--bq_dataset=none"],
        ["--is_backfill", "--input_path=x", "--output_bucket=lake", "--bq_dataset=none", "--pane_second=1"],
    ],
)
def test_a_wrong_flag_is_said_as_the_pipeline_says_it(flags: list[str], capsys: Capture) -> None:
    assert pipeline_main(flags) == 2
    as_the_pipeline = capsys.readouterr().err
    assert main(flags) == 2
    assert capsys.readouterr().err == as_the_pipeline
    assert as_the_pipeline.startswith("error: ")


def test_help_lists_json_and_the_pipelines_flags(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "--json" in shown
    assert "--ledger_lateness_seconds" in shown


def test_a_backfill_into_a_folder_looks_at_files_and_folder_alone(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.jsonl").write_text('{"event_type": "order"}\n')
    (tmp_path / "b.jsonl").write_text("")
    flags = ["--is_backfill", f"--output_bucket={tmp_path}/lake", "--bq_dataset=none", "--dlq_topic=none"]
    report = preflight(capsys, [*flags, f"--input_path={tmp_path}/*.jsonl"])
    assert report.code == 0
    assert {what: report.said(what) for what in report.findings} == {
        "credentials": ("ok", "None needed."),
        f"files {tmp_path}/*.jsonl": ("ok", "2 files, 24 bytes. 1 of them are empty."),
        f"folder {tmp_path}/lake": ("ok", "It will be created."),
    }


def test_files_that_do_not_match_and_a_folder_that_is_a_file_are_wrong(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "lake").write_text("")
    flags = ["--is_backfill", f"--output_bucket={tmp_path}/lake/x", "--bq_dataset=none", "--dlq_topic=none"]
    report = preflight(capsys, [*flags, f"--input_path={tmp_path}/none*"])
    assert report.wrong == [f"files {tmp_path}/none*", f"folder {tmp_path}/lake/x"]
    assert "matches no file" in report.said(report.wrong[0])[1]
    assert report.run(report.wrong[0]) == f"ls -l {tmp_path}/none*"


@pytest.mark.slow
def test_a_missing_bucket_is_wrong_and_writing_leaves_nothing_behind(ground: Ground, capsys: Capture) -> None:
    report = preflight(capsys, ground.flags(output_bucket=f"gs://{ground.bucket}/folder"))
    assert report.said(f"writing to gs://{ground.bucket}/folder") == ("ok", "Wrote and deleted an object.")
    assert list(ground.storage_bucket.list_blobs()) == []
    missing = preflight(capsys, ground.flags(output_bucket="gs://bucket-not-there"))
    assert missing.wrong == ["bucket gs://bucket-not-there"]
    assert missing.run(missing.wrong[0]) == (
        "gcloud storage buckets create gs://bucket-not-there --project=local-shop "
        "--uniform-bucket-level-access --public-access-prevention"
    )


@pytest.mark.slow
def test_what_an_account_may_do_can_be_left_out(ground: Ground, capsys: Capture) -> None:
    report = preflight(capsys, ["--skip_roles", *ground.flags(output_bucket="gs://bucket-not-there")])
    left_out = [what for what in report.findings if report.said(what)[1] == "Left out by --skip_roles."]
    assert left_out == [
        f"role on {ground.subscription}",
        f"role on {ground.topic('dlq')}",
        f"role on {ground.topic('alerts')}",
        "writing to gs://bucket-not-there",
    ]
    assert report.wrong == ["bucket gs://bucket-not-there"]


@pytest.mark.slow
def test_the_command_prints_a_line_for_each_finding_and_ends_with_one(stack: Stack) -> None:
    environment = stack.environment
    flags = [
        f"--input_subscription={environment['INPUT_SUBSCRIPTION']}",
        f"--output_bucket={environment['OUTPUT_BUCKET']}",
        "--bq_dataset=none",
        "--dlq_topic=projects/local-shop/topics/not-there",
    ]
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.preflight", *flags],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    *lines, summary = ended.stdout.splitlines()
    assert ended.stderr == ""
    assert {line[:11].rstrip() for line in lines} == {"ok", "wrong", "not checked"}
    (wrong,) = [line for line in lines if line.startswith("wrong")]
    assert wrong == (
        "wrong        topic projects/local-shop/topics/not-there: "
        "It does not exist: create it, or name another. "
        "Run: gcloud pubsub topics create not-there --project=local-shop"
    )
    assert summary == "9 ok, 1 wrong, 4 not checked"
    assert ended.returncode == 1
