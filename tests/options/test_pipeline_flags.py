"""Every flag of the pipeline: its default, its unit, its help."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.anomalies.promotions import NO_PROMOTIONS
from pipeline.anomalies.settings import AnomalySettings
from pipeline.command_flags import Flag
from pipeline.flags import all_flags
from pipeline.main import main
from pipeline.options import Job, parse_job
from tests.options.command_line import GIVEN, Complaint, argv, is_numeric, job, named

UNITS = {
    "_seconds": "a time",
    "_bytes": "a size",
    "_rows": "a count",
    "_buckets": "a count",
    "_shards": "a count",
    "_windows": "a count",
    "_messages": "a count",
    "_orders": "a count",
    "_products": "a count",
    "_in_flight": "a count of messages",
    "_rate": "a share from 0 to 1",
    "_share": "a share from 0 to 1",
    "_factor": "a multiple",
    "_ms": "a time",
    "_threshold": "a score, which has no unit",
}
"""What a numeric flag's name may end in, and what it then is."""


def test_only_source_lake_and_dataset_are_required() -> None:
    required = [flag for flag in all_flags() if flag.required]
    assert [flag.name for flag in required if flag.only != "backfill"] == list(GIVEN)
    assert [flag.name for flag in required if flag.only == "backfill"] == ["input_path"]


def test_required_flags_are_enough() -> None:
    assert (job().reads, job().input_name) == ("live", GIVEN["input_subscription"])


@pytest.mark.parametrize("flag", ["--is_backfill", "--is_backfill=true", "--is_backfill=True"])
@pytest.mark.parametrize("path", ["--input_path=raw/*.jsonl.gz", "--s3_path=raw/*.jsonl.gz"])
def test_backfill_reads_files(flag: str, path: str) -> None:
    given = parse_job(argv(flag, path, without="input_subscription"))
    assert (given.reads, given.input_name) == ("files", "raw/*.jsonl.gz")


@pytest.mark.parametrize("flag", named(lambda flag: flag.only == "backfill" and flag.form))
def test_flag_of_a_backfill_is_refused_in_a_streaming_run(flag: Flag, complaint: Complaint) -> None:
    assert complaint(f"--{flag.name}=raw/*") == (
        f"--{flag.name} means nothing in a streaming run: add --is_backfill, or the flag."
    )


def test_reload_is_refused_in_a_streaming_run(complaint: Complaint) -> None:
    assert complaint("--reload") == (
        "--reload means nothing in a streaming run: add --is_backfill, or the flag."
    )


def backfill(*changes: str) -> Job:
    return parse_job(argv("--is_backfill", "--input_path=raw/*", *changes, without="input_subscription"))


def test_a_backfill_loads_again_only_if_it_is_asked_to() -> None:
    assert (backfill().reload, backfill("--reload").reload) == (False, True)


def test_without_a_warehouse_rows_go_to_the_lake() -> None:
    assert job("--bq_dataset=none").graph.tables[:2] == (None, "gs://shop-events-output")
    assert job().graph.tables[:2] == ("local-shop:ecommerce_events", "gs://shop-events-output")
    graph = job("--bq_dataset=none").graph
    assert graph.dead_letters.tables == graph.alerts.tables == graph.tables


def test_topics_of_a_backfill_are_by_default_in_the_project_of_its_dataset() -> None:
    graph = backfill("--send_alerts").graph
    assert graph.dead_letters.topic == "projects/local-shop/topics/events-dlq"
    assert graph.alerts.topic == "projects/local-shop/topics/order-alerts"
    assert backfill().graph.alerts.topic is None


def test_a_backfill_without_a_warehouse_publishes_only_to_topics_that_are_given() -> None:
    graph = backfill("--bq_dataset=none", "--send_alerts").graph
    assert (graph.dead_letters.topic, graph.alerts.topic) == (None, None)
    topic = "projects/local-shop/topics/refused"
    assert backfill("--bq_dataset=none", f"--dlq_topic={topic}").graph.dead_letters.topic == topic


def test_only_a_backfill_writes_large_parts_of_the_lake_alone() -> None:
    assert job().graph.lake.alone_from_rows is None
    assert backfill().graph.lake.alone_from_rows == 250


def test_subscription_is_refused_in_a_backfill(complaint: Complaint) -> None:
    assert complaint("--is_backfill", "--input_path=raw/*").startswith(
        "--input_subscription means nothing in a backfill run: drop "
    )


def test_backfill_needs_its_files(complaint: Complaint) -> None:
    assert complaint("--is_backfill", without="input_subscription") == (
        "--input_path is missing: name gs://BUCKET/raw/**.jsonl.gz or a local glob."
    )


@pytest.mark.parametrize("flag", named(lambda flag: flag.default is False))
@pytest.mark.parametrize("text", ["yes", "1", ""])
def test_switch_is_true_or_false(flag: Flag, text: str, complaint: Complaint) -> None:
    assert complaint(f"--{flag.name}={text}") == (
        f"argument --{flag.name}: {text!r} is neither true nor false; --help lists the flags."
    )


@pytest.mark.parametrize("flag", named(lambda flag: flag.default is not None))
def test_default_given_by_hand_changes_nothing(flag: Flag) -> None:
    assert job(f"--{flag.name}={flag.default}") == job()


def test_topics_are_by_default_in_the_projects_of_the_subscription() -> None:
    assert job().graph.dead_letters.topic == "projects/local-shop/topics/events-dlq"
    assert job().graph.alerts.topic == "projects/local-shop/topics/order-alerts"


def test_topic_none_sends_nothing() -> None:
    graph = job("--dlq_topic=none", "--alerts_topic=none").graph
    assert (graph.dead_letters.topic, graph.alerts.topic) == (None, None)


def test_run_without_a_name_gets_one_of_its_own() -> None:
    assert parse_job(argv()[:3]).graph.run.run_id != parse_job(argv()[:3]).graph.run.run_id


@pytest.mark.parametrize("runner", ["--runner=DirectRunner", "--runner=BundleBasedDirectRunner"])
def test_direct_runner_is_the_one_that_does_not_depend_on_the_network(runner: str) -> None:
    for given in (job(runner), job(*runner.split("="))):
        assert (given.runner, given.beam_args) == ("BundleBasedDirectRunner", [])


def test_direct_runner_by_name_takes_beams_own_read() -> None:
    assert job("--runner=DirectRunner").reads == "stock"


def test_detectors_take_what_the_flags_say() -> None:
    given = job(
        "--order_window_seconds=60",
        "--quality_window_seconds=120",
        "--anomaly_threshold=4.5",
        "--anomaly_min_change_share=0.3",
        "--anomaly_min_orders=7",
        "--anomaly_warmup_windows=9",
        "--alert_cooldown_windows=5",
        "--min_validity_rate=0.8",
        "--min_validity_messages=11",
        "--max_latency_ms=2500",
        "--unusual_order_factor=4",
        "--stock_min_products=2",
    ).graph.anomalies
    assert given == AnomalySettings(
        window_seconds=60,
        ledger_window_seconds=120,
        threshold=4.5,
        min_change_share=0.3,
        min_orders=7,
        warmup_windows=9,
        cooldown_windows=5,
        min_validity_rate=0.8,
        min_messages=11,
        max_latency_ms=2_500.0,
        unusual_order_factor=4.0,
        stock_min_products=2,
    )


def test_detectors_are_by_default_as_their_settings_say() -> None:
    assert job().graph.anomalies == AnomalySettings()


def test_a_backfill_judges_all_at_once_and_no_latency() -> None:
    anomalies = backfill().graph.anomalies
    assert (anomalies.all_at_once, anomalies.max_latency_ms) == (True, None)


def test_promotions_are_read_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "promotions.json"
    path.write_text('[{"start": "2026-11-27T00:00:00Z", "end": "2026-11-28T00:00:00Z", "factor": 3}]')
    (promotion,) = job(f"--promotions_path={path}").graph.anomalies.promotions.promotions
    assert (promotion.end_us - promotion.start_us, promotion.factor) == (86_400_000_000, 3.0)
    assert job().graph.anomalies.promotions == NO_PROMOTIONS


@pytest.mark.parametrize("flag", named(is_numeric))
def test_numeric_flag_ends_in_its_unit(flag: Flag) -> None:
    assert len([unit for unit in UNITS if flag.name.endswith(unit)]) == 1


@pytest.mark.parametrize("unit", UNITS)
def test_unit_belongs_to_numeric_flags_alone(unit: str) -> None:
    flags = [flag for flag in all_flags() if flag.name.endswith(unit)]
    assert flags
    assert all(map(is_numeric, flags))


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert [flag.name for flag in all_flags() if f"--{flag.name} " not in text] == []
