"""metadata.json and the pipeline's flags say the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
from google.cloud.dataflow_v1beta3.types import TemplateMetadata

from pipeline.command_flags import Flag, complaint, truth
from pipeline.flags import FLAGS, all_flags
from pipeline.options import parse_job
from pipeline.template import main
from pipeline.template_metadata import NOT_ON_DATAFLOW
from tests.template.files import json_of, text_of

PARAMETERS: dict[str, dict[str, Any]] = {
    each["name"]: each for each in json_of("metadata.json")["parameters"]
}
ON_DATAFLOW = [pytest.param(flag, id=flag.name) for flag in all_flags() if flag.name in PARAMETERS]
EXAMPLES = {
    "input_subscription": "projects/my-project/subscriptions/events-sub",
    "input_path": "gs://my-project-shop-events/raw/**.avro",
    "output_bucket": "gs://my-project-shop-events",
    "bq_dataset": "my-project:ecommerce_events",
    "dlq_topic": "projects/my-project/topics/events-dlq",
    "alerts_topic": "none",
    "run_id": "2026-03-02.1",
    "dedup_buckets": "512",
    "promotions_path": "gs://my-project-shop-events/promotions.json",
}
"""A value for each parameter without a default."""
WRONG = {
    "input_subscription": "events-sub",
    "input_path": "raw/*.jsonl",
    "output_bucket": "/tmp/lake",
    "bq_dataset": "my project",
    "dlq_topic": "events-dlq",
    "alerts_topic": "projects/my-project/topics/",
    "run_id": "a b",
    "dedup_buckets": "-1",
    "promotions_path": "promotions.json",
}


def test_metadata_json_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metadata"]) == 0
    assert capsys.readouterr().out == text_of("metadata.json")


def test_every_flag_is_a_parameter_or_named_as_none() -> None:
    assert [flag.name for flag in all_flags() if flag.name not in NOT_ON_DATAFLOW] == list(PARAMETERS)
    assert set(NOT_ON_DATAFLOW) <= {flag.name for flag in all_flags()}


def test_what_is_left_out_is_about_one_machine() -> None:
    one_machine = {flag.name for flag in FLAGS["reading on one machine"]}
    assert set(NOT_ON_DATAFLOW) - one_machine == {"schemas_path"}


def test_required_is_what_both_ways_of_running_need() -> None:
    assert [name for name, each in PARAMETERS.items() if not each["isOptional"]] == [
        "output_bucket",
        "bq_dataset",
    ]


@pytest.mark.parametrize("flag", ON_DATAFLOW)
def test_default_is_the_flags(flag: Flag) -> None:
    default = PARAMETERS[flag.name].get("defaultValue")
    if flag.default is None:
        assert default is None
    else:
        assert flag.type(default) == flag.default


@pytest.mark.parametrize("flag", ON_DATAFLOW)
def test_input_picker_fits_the_flag(flag: Flag) -> None:
    shown = PARAMETERS[flag.name]
    expected = "ENUM" if flag.choices else {truth: "BOOLEAN", int: "NUMBER", float: "NUMBER"}.get(flag.type)
    assert expected is None or shown["paramType"] == expected
    assert [option["value"] for option in shown.get("enumOptions", [])] == list(flag.choices or [])


@pytest.mark.parametrize("flag", ON_DATAFLOW)
def test_right_value_passes_both_and_a_wrong_one_neither(flag: Flag) -> None:
    (regex,) = PARAMETERS[flag.name]["regexes"]
    right = EXAMPLES.get(flag.name) or PARAMETERS[flag.name]["defaultValue"]
    assert re.match(regex, right)
    assert complaint(flag, flag.type(right)) is None
    wrong = WRONG.get(flag.name, "x y")
    assert not re.match(regex, wrong)


@pytest.mark.parametrize("flag", ON_DATAFLOW)
def test_regex_is_one_that_every_engine_knows(flag: Flag) -> None:
    (regex,) = PARAMETERS[flag.name]["regexes"]
    assert (regex[:2], regex[-2:]) == ("^(", ")$")
    assert "(?" not in regex


def test_parameters_of_a_backfill_are_shown_below_is_backfill() -> None:
    below = [name for name, each in PARAMETERS.items() if each.get("parentName") == "is_backfill"]
    assert below == ["input_path", "reload", "send_alerts"]


def test_the_help_speaks_of_no_local_machine() -> None:
    assert [name for name, each in PARAMETERS.items() if re.search("local|machine", each["helpText"])] == []


def test_the_original_launch_gives_a_job() -> None:
    given = [f"--{name}={EXAMPLES[name]}" for name in ("input_subscription", "output_bucket", "bq_dataset")]
    job = parse_job([*given, "--runner=DataflowRunner"])
    assert (job.reads, job.graph.dead_letters.topic) == ("stock", "projects/my-project/topics/events-dlq")


def test_googles_own_client_reads_all_of_it() -> None:
    # An unknown key or a wrong type raises.
    read = TemplateMetadata.from_json(text_of("metadata.json"))
    assert len(read.parameters) == len(PARAMETERS)
    assert (read.streaming, read.supports_exactly_once, read.default_streaming_mode) == (
        True,
        True,
        "EXACTLY_ONCE",
    )
