"""What is said of a wrong flag: one line, exit code 2, and nothing has started."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.command_flags import Flag
from pipeline.flags import all_flags
from tests.options.command_line import GIVEN, REPOSITORY, Complaint, argv, is_numeric, named


@pytest.mark.parametrize("flag", named(is_numeric))
def test_number_below_the_least_is_too_small(flag: Flag, complaint: Complaint) -> None:
    assert flag.least is not None
    below = flag.least - (1 if flag.type is int else 0.05)
    assert complaint(f"--{flag.name}={below}") == (
        f"--{flag.name}={below} is too small: it must be {flag.least:,g} or more."
    )


@pytest.mark.parametrize("flag", named(is_numeric))
def test_number_above_the_most_is_too_large(flag: Flag, complaint: Complaint) -> None:
    above = flag.type(flag.most + 1)
    assert complaint(f"--{flag.name}={above}") == (
        f"--{flag.name}={above} is too large: it must be {flag.most:,.0f} or less."
    )


@pytest.mark.parametrize("flag", named(lambda flag: flag.type is float))
def test_nan_and_infinity_are_no_numbers_for_a_flag(flag: Flag, complaint: Complaint) -> None:
    assert complaint(f"--{flag.name}=nan").startswith(f"--{flag.name}=nan is not a number: ")
    assert complaint(f"--{flag.name}=inf").startswith(f"--{flag.name}=inf is too large: ")
    assert complaint(f"--{flag.name}=-inf").startswith(f"--{flag.name}=-inf is too small: ")


@pytest.mark.parametrize("flag", named(is_numeric))
@pytest.mark.parametrize("text", ["many", "", "1,5"])
def test_text_is_no_number(flag: Flag, text: str, complaint: Complaint) -> None:
    kind = flag.type.__name__
    assert complaint(f"--{flag.name}={text}") == (
        f"argument --{flag.name}: invalid {kind} value: {text!r}; --help lists the flags."
    )


@pytest.mark.parametrize("flag", named(lambda flag: flag.type is int))
def test_fraction_is_no_count(flag: Flag, complaint: Complaint) -> None:
    assert f"invalid int value: '{flag.least}.5'" in complaint(f"--{flag.name}={flag.least}.5")


@pytest.mark.parametrize("flag", named(lambda flag: flag.choices))
def test_word_that_is_no_choice_is_answered_with_the_choices(flag: Flag, complaint: Complaint) -> None:
    said = complaint(f"--{flag.name}=perhaps")
    assert said.startswith(f"argument --{flag.name}: invalid choice: 'perhaps'")
    assert all(choice in said for choice in flag.choices or ())


@pytest.mark.parametrize("flag", named(lambda flag: flag.name in GIVEN))
def test_missing_required_flag_is_named_with_an_example(flag: Flag, complaint: Complaint) -> None:
    assert complaint(without=flag.name) == f"--{flag.name} is missing: name {flag.example}."


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("input_subscription", "events-sub"),
        ("input_subscription", "projects/local-shop/topics/events"),
        ("input_subscription", "projects//subscriptions/events-sub"),
        ("input_subscription", "projects/local-shop/subscriptions/events sub"),
        ("output_bucket", "s3://shop-events"),
        ("output_bucket", "gs://"),
        ("output_bucket", "gs://Shop_Events"),
        ("output_bucket", ""),
        ("bq_dataset", "ecommerce_events"),
        ("bq_dataset", "local-shop:ecommerce-events"),
        ("bq_dataset", "local-shop:ecommerce_events.orders"),
        ("bq_dataset", "None"),
        ("bq_dataset", ""),
        ("dlq_topic", "events-dlq"),
        ("dlq_topic", "projects/local-shop/subscriptions/events-dlq"),
        ("alerts_topic", "None"),
        ("run_id", ""),
        ("run_id", "a run"),
        ("run_id", "r" * 101),
    ],
)
def test_value_of_another_form_is_answered_with_the_form(flag: str, value: str, complaint: Complaint) -> None:
    (example,) = (each.example for each in all_flags() if each.name == flag)
    assert complaint(f"--{flag}={value}") == f"--{flag}={value} does not have the form {example}."


def test_every_flag_with_a_form_says_what_it_looks_like() -> None:
    assert [flag.name for flag in all_flags() if flag.form and not flag.example] == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("--output_buckets=gs://other-bucket", "--output_bucket"),
        ("--max-in-flight=5", "--max_in_flight"),
        ("--lake_window_second=5", "--lake_window_seconds"),
        ("--num_worker=3", "--num_workers"),
    ],
)
def test_unknown_flag_is_answered_with_the_nearest(wrong: str, right: str, complaint: Complaint) -> None:
    assert complaint(wrong) == f"{wrong} is not a flag of this pipeline or of Beam: did you mean {right}?"


@pytest.mark.parametrize("wrong", ["--xyzzy", "--xyzzy=1", "orders.json"])
def test_unknown_flag_like_no_other_is_answered_with_help(wrong: str, complaint: Complaint) -> None:
    assert complaint(wrong) == f"{wrong} is not a flag of this pipeline or of Beam: --help lists the flags."


def test_flag_is_not_guessed_from_its_beginning(complaint: Complaint) -> None:
    assert "did you mean --output_bucket?" in complaint("--output_buck=gs://other-bucket")


def test_beams_own_flags_are_checked_too(complaint: Complaint) -> None:
    assert complaint("--num_workers=some") == (
        "argument --num_workers: invalid int value: 'some'; --help lists the flags."
    )


def test_live_read_is_refused_on_dataflow(complaint: Complaint) -> None:
    assert complaint("--pubsub_read=live", "--runner=DataflowRunner") == (
        "--pubsub_read=live reads on one machine only, not with --runner=DataflowRunner."
    )


def test_unknown_runner_is_refused(complaint: Complaint) -> None:
    assert complaint("--runner=FastRunner").startswith("FastRunner does not accept its flags: ")


@pytest.mark.parametrize("seconds", [7, 1_000, 3_599])
def test_order_window_must_divide_an_hour(seconds: int, complaint: Complaint) -> None:
    assert complaint(f"--order_window_seconds={seconds}") == (
        f"--order_window_seconds={seconds} does not divide an hour, and a window must lie within one: "
        "take 60, 300 or 900."
    )


def test_stats_path_must_be_a_file_in_a_folder_that_exists(complaint: Complaint, tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "stats.json"
    assert complaint(f"--stats_path={missing}") == (
        f"--stats_path={missing} lies in a folder that does not exist: create it."
    )
    for no_file in (tmp_path, ""):
        assert complaint(f"--stats_path={no_file}") == (
            f"--stats_path={no_file} is not a file: name one, such as stats.json."
        )


def test_missing_contract_is_named(complaint: Complaint, tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    assert complaint(f"--schemas_path={path}").startswith(f"{path}: cannot be read: ")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"tables": 5}'])
def test_broken_contract_is_named(text: str, complaint: Complaint, tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    path.write_text(text)
    assert complaint(f"--schemas_path={path}").startswith("schemas.json: ")


def test_typo_in_the_contract_is_found_where_it_is(complaint: Complaint, tmp_path: Path) -> None:
    contract = json.loads((REPOSITORY / "schemas.json").read_text())
    contract["tables"]["orders"]["columns"][0]["chek"] = {}
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps(contract))
    said = complaint(f"--schemas_path={path}")
    assert "orders" in said
    assert "chek" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[{", " is not JSON: "),
        (b'{"start": 1}', " is not a JSON array of promotions."),
        (b"[1]", " is not a JSON object."),
        (b'[{"end": "2026-11-28T00:00:00Z", "factor": 3}]', " has no 'start': give an RFC 3339 time."),
        (
            b'[{"start": "2026-11-28T00:00:00Z", "end": "2026-11-27T00:00:00Z", "factor": 3}]',
            " ends before it starts.",
        ),
        (
            b'[{"start": "2026-11-27T00:00:00Z", "end": "2026-11-28T00:00:00Z", "factor": 0}]',
            " needs a 'factor' from 1 to 1000, not 0.",
        ),
    ],
)
def test_calendar_that_is_none_is_named(
    content: bytes, said: str, complaint: Complaint, tmp_path: Path
) -> None:
    path = tmp_path / "promotions.json"
    path.write_bytes(content)
    sentence = complaint(f"--promotions_path={path}")
    assert f"{path}{said}" in sentence


def test_missing_calendar_is_named(complaint: Complaint, tmp_path: Path) -> None:
    for path in (tmp_path / "promotions.json", tmp_path):
        assert complaint(f"--promotions_path={path}").startswith(f"--promotions_path={path} cannot be read: ")


def test_empty_name_of_a_calendar_is_refused(complaint: Complaint) -> None:
    assert complaint("--promotions_path=").startswith("--promotions_path= does not have the form ")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--outage_pause_seconds=5"],
            "--outage_pause_seconds means nothing while --on_sink_outage is wait: add "
            "--on_sink_outage=dead_letter, or drop the flag.",
        ),
        (
            ["--on_sink_outage=dead_letter", "--bq_dataset=none"],
            "--on_sink_outage=dead_letter means nothing with --bq_dataset=none: no BigQuery can be away.",
        ),
        (
            ["--on_sink_outage=dead_letter", "--bigquery_write=stock"],
            "--on_sink_outage=dead_letter does not go with --bigquery_write=stock, which has its own way "
            "with an outage: take --bigquery_write=insert.",
        ),
    ],
)
def test_flags_of_an_outage_that_mean_nothing_are_refused(
    flags: list[str], said: str, complaint: Complaint
) -> None:
    assert complaint(*flags) == said


def test_latency_means_nothing_in_a_backfill(complaint: Complaint) -> None:
    given = ("--is_backfill", "--input_path=raw/*", "--max_latency_ms=5")
    assert complaint(*given, without="input_subscription").startswith(
        "--max_latency_ms means nothing in a backfill run: "
    )


def run_alone(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the pipeline as a user would, with no other variables than these."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline.main", *arguments],
        cwd=REPOSITORY,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_wrong_flag_of_the_command_is_one_line_and_exit_code_2() -> None:
    ended = run_alone(*argv("--max_in_flight=0"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "error: --max_in_flight=0 is too small: it must be 1 or more.\n"


def test_without_credentials_the_last_line_says_how_to_get_some(tmp_path: Path) -> None:
    ended = run_alone(*argv(), HOME=str(tmp_path), NO_GCE_CHECK="true")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].startswith(
        "error: there are no Google Cloud credentials: run `gcloud "
    )
    assert "Traceback" not in ended.stderr
