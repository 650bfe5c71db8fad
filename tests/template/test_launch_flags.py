"""The flags that Dataflow's launcher gives beside the template's parameters: what becomes of them."""

from __future__ import annotations

import logging

import pytest

from pipeline.errors import UsageError
from pipeline.flags import all_flags
from pipeline.launcher import known_arguments
from pipeline.options import parse_job
from tests.template.jobs import BACKFILL, OF_THE_LAUNCHER, STREAMING


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--streaming=true", ["--streaming"]),
        ("--streaming=True", ["--streaming"]),
        ("--streaming", ["--streaming"]),
        ("--streaming=false", []),
        ("--enable_streaming_engine=true", ["--enable_streaming_engine"]),
        ("--enable_streaming_engine=false", []),
        ("--use_public_ips=true", ["--use_public_ips"]),
        ("--use_public_ips=false", ["--no_use_public_ips"]),
        ("--no_use_public_ips=true", ["--no_use_public_ips"]),
        ("--no_use_public_ips=false", ["--use_public_ips"]),
        ("--save_main_session=false", ["--no_save_main_session"]),
        ("--no_pipeline_type_check=false", []),
        ("--additional_user_labels={}", []),
        ("--save_heap_dumps_to_gcs_path=gs://b/dumps", []),
        ("--max_num_workers=3", ["--max_num_workers=3"]),
        ("--experiments=a=true", ["--experiments=a=true"]),
        ("--dry_run=true", ["--dry_run=true"]),
        ("--is_backfill=true", ["--is_backfill=true"]),
        ("--s3_path=gs://b/*.avro", ["--s3_path=gs://b/*.avro"]),
        ("--help", ["--help"]),
        ("stray", ["stray"]),
    ],
)
def test_a_flag_comes_out_as_beam_for_python_reads_it(given: str, expected: list[str]) -> None:
    assert known_arguments(["--region=r", given]) == ["--region=r", *expected]


@pytest.mark.parametrize("flag", all_flags(), ids=lambda flag: flag.name)
def test_our_own_flags_pass_as_they_are(flag: object) -> None:
    given = f"--{flag.name}=value"  # type: ignore[attr-defined]
    assert known_arguments([given]) == [given]


def test_what_is_left_out_is_named_in_a_warning_and_nothing_else_is(caplog: pytest.LogCaptureFixture) -> None:
    known_arguments(["--region=r", "--streaming=false"])
    assert caplog.record_tuples == []
    known_arguments(["--additional_user_labels={}", "--region=r", "--save_heap_dumps_to_gcs_path=gs://b"])
    assert caplog.record_tuples == [
        (
            "pipeline.launcher",
            logging.WARNING,
            "left out, as neither Beam nor this pipeline knows them: --additional_user_labels, "
            "--save_heap_dumps_to_gcs_path",
        )
    ]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("--bq_datset=p:d", "--bq_dataset"),
        ("--output_buket=gs://b", "--output_bucket"),
        ("--lake_shard=2", "--lake_shards"),
        ("--is_backfil", "--is_backfill"),
        ("--pane-seconds=60", "--pane_seconds"),
    ],
)
def test_a_slip_of_one_of_our_flags_is_refused(given: str, meant: str) -> None:
    with pytest.raises(
        UsageError, match=rf"is not a flag of this pipeline or of Beam: did you mean {meant}\?"
    ):
        known_arguments([given])


@pytest.mark.parametrize("flags", [STREAMING, BACKFILL])
def test_what_is_left_over_passes_the_check_of_options(flags: tuple[str, ...]) -> None:
    given = [*flags, "--runner=DataflowRunner", *OF_THE_LAUNCHER]
    with pytest.raises(UsageError):
        parse_job(given)
    assert "--no_use_public_ips" in parse_job(known_arguments(given)).beam_args
