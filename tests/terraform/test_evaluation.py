"""What the files come to, evaluated by the terraform binary."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.command_flags import complaint
from pipeline.contract import load_contract
from pipeline.flags import all_flags
from pipeline.projections import bigquery_fields
from tests.terraform.configuration import FOLDER, REPOSITORY
from tests.terraform.evaluation import KEY, MISSING, TERRAFORM, Answer, evaluate, terraform

BUILD = yaml.safe_load((REPOSITORY / "cloudbuild.yaml").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(TERRAFORM is None, reason=MISSING)


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    answer = evaluate(tmp_path_factory.mktemp("terraform"))
    assert answer.complaint == ""
    return answer


@pytest.fixture(scope="module")
def values(answer: Answer) -> dict[str, Any]:
    return answer.values


def contract_with(*columns: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": "A contract.",
        "tables": {"t": {"description": "A table.", "columns": list(columns)}},
        "views": {},
    }


def column(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "STRING", "mode": "NULLABLE", "description": f"{name}.", **more}


def record(name: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return column(name, fields=list(fields)) | {"type": "RECORD"}


def test_files_are_formatted() -> None:
    checked = terraform(FOLDER, "fmt", "-check", "-diff", "-recursive")
    assert (checked.returncode, checked.stdout) == (0, "")


def test_columns_are_those_that_python_projects(values: dict[str, Any]) -> None:
    columns = {name: bigquery_fields(table) for name, table in load_contract().tables.items()}
    assert len(columns) > 9
    assert values["table_schemas"] == columns | {"raw_events": values["table_schemas"]["raw_events"]}


def test_raw_events_is_declared_in_the_words_of_the_contract(values: dict[str, Any], tmp_path: Path) -> None:
    contract = json.loads((REPOSITORY / "schemas.json").read_text(encoding="utf-8"))
    contract["tables"]["raw_events"] = json.loads((FOLDER / "raw_events.json").read_text(encoding="utf-8"))
    file = tmp_path / "schemas.json"
    file.write_text(json.dumps(contract), encoding="utf-8")
    table = load_contract(file).tables["raw_events"]
    assert values["table_schemas"]["raw_events"] == bigquery_fields(table)


def test_our_own_words_are_left_out_at_every_depth(tmp_path: Path) -> None:
    ours = {"check": {"minLength": 1}, "set_by": "pipeline", "pii": True}
    plain = record("a", record("b", column("c")))
    marked = record("a", record("b", column("c", **ours)) | ours) | ours
    answer = evaluate(tmp_path, contract_with(marked))
    assert answer.values["table_schemas"]["t"] == [plain]


def test_only_dead_letters_have_an_end_by_default(values: dict[str, Any]) -> None:
    assert values["table_days"] == {"dead_letters": 90}
    assert values["lake_days"] == {"dead_letters/": 90, "tables/dead_letters/": 90}


def test_every_table_and_folder_of_events_ends_when_it_is_told_to(tmp_path: Path) -> None:
    given = {"event_days": 400, "raw_archive_days": 30, "dead_letter_days": 31}
    values = evaluate(tmp_path, None, **given).values
    events = [table.name for table in load_contract().tables.values() if table.event_type]
    assert values["table_days"] == dict.fromkeys([*events, "raw_events"], 400) | {"dead_letters": 31}
    letters = {"dead_letters/": 31, "tables/dead_letters/": 31}
    assert values["lake_days"] == {"raw/": 30, "processed/": 400} | letters


def test_letters_may_go_as_early_as_the_queue_lets_them_go(tmp_path: Path) -> None:
    values = evaluate(tmp_path, dead_letter_days=14, dead_letter_queue_days=14).values
    assert values["table_days"] == {"dead_letters": 14}


def test_a_contract_that_nests_deeper_is_named_and_not_cut_off_in_silence(tmp_path: Path) -> None:
    answer = evaluate(tmp_path, contract_with(record("a", record("b", record("c", column("d"))))))
    assert answer.values["nested_too_deep"] == ["t.a.b.c"]
    bigquery = (FOLDER / "bigquery.tf").read_text(encoding="utf-8")
    assert "condition     = length(local.nested_too_deep) == 0" in bigquery


def test_views_read_the_dataset_of_the_project(values: dict[str, Any]) -> None:
    views = load_contract().views
    assert values["view_queries"] == {
        name: view.query.replace("{dataset}", "my-shop.ecommerce_events") for name, view in views.items()
    }


def test_a_view_that_reads_a_view_is_made_after_it(values: dict[str, Any]) -> None:
    assert values["views_of_views"] == ["dead_letters_open"]


def test_the_launch_command_is_one_that_the_pipeline_takes(values: dict[str, Any]) -> None:
    flags = {flag.name: flag for flag in all_flags()}
    given = dict(re.findall(r"--parameters (\w+)=(\S+)", values["launch_command"]))
    assert given == {
        "input_subscription": "projects/my-shop/subscriptions/events-sub",
        "output_bucket": "gs://my-shop-shop-events",
        "bq_dataset": "my-shop:ecommerce_events",
    }
    assert [complaint(flags[name], value) for name, value in given.items()] == [None, None, None]
    assert values["launch_command"].startswith("gcloud dataflow flex-template run order-pipeline \\\n")
    assert "--disable-public-ips" not in values["launch_command"]


def test_a_private_network_and_a_key_of_ones_own_are_in_the_launch_command(tmp_path: Path) -> None:
    answer = evaluate(
        tmp_path, private_network=True, kms_key_name=KEY, operators=["group:oncall@example.com"]
    )
    launch = answer.values["launch_command"]
    assert "--disable-public-ips \\\n  --subnetwork=regions/europe-west1/subnetworks/order-pipeline" in launch
    assert f"--dataflow-kms-key={KEY}" in launch
    assert "--impersonate-service-account=pipeline-launcher@my-shop.iam.gserviceaccount.com" in launch


def substitutions(line: str) -> dict[str, str]:
    """What gcloud makes of --substitutions: the delimiter stands between ^ and ^, or it is a comma."""
    marked = re.match(r"\^(.)\^", line)
    delimiter, entries = (marked[1], line[marked.end() :]) if marked else (",", line)
    return dict(entry.split("=", 1) for entry in entries.split(delimiter))


def launched_by_ci(given: dict[str, str]) -> str:
    """The script of the step that launches, with every substitution in its place."""
    (script,) = (step["args"][1] for step in BUILD["steps"] if step["id"] == "launch")
    known = {"PROJECT_ID": "my-shop", "BRANCH_NAME": "main", "SHORT_SHA": "latest"}
    known |= BUILD["substitutions"] | given
    while re.search(r"\$\{\w+\}", script):  # a substitution may hold others
        script = re.sub(r"\$\{(\w+)\}", lambda name: known[name[1]], script)
    return str(script)


OF_CI: list[dict[str, Any]] = [
    {},
    {"region": "europe-west4", "max_workers": 3, "operators": ["group:oncall@example.com"]},
    {"private_network": True},
    {"kms_key_name": KEY},
    {"private_network": True, "kms_key_name": KEY},
    {"lake_bucket": "a-lake", "staging_bucket": "b-staging", "templates_bucket": "c-templates"},
    {"dataset_id": "shop_events"},
]


@pytest.mark.parametrize("variables", OF_CI, ids=[" ".join(variables) or "defaults" for variables in OF_CI])
def test_ci_launches_what_the_launch_command_launches(tmp_path: Path, variables: dict[str, Any]) -> None:
    answer = evaluate(tmp_path, **variables)
    given = substitutions(answer.values["cloudbuild_substitutions_line"])
    assert given == answer.values["cloudbuild_substitutions"]
    assert set(given) <= set(BUILD["substitutions"])
    by_hand = answer.values["launch_command"].replace(" \\\n  ", " ").replace("--parameters ", "--parameter=")
    flags = set(re.findall(r"--\S+", by_hand.replace("--template-file-gcs-location", "--template")))
    # CI launches with its own rights.
    flags = {flag for flag in flags if not flag.startswith("--impersonate-service-account=")}
    by_ci = launched_by_ci(given).replace('"', "")
    assert len(flags) > 9
    assert flags <= set(re.findall(r"--\S+", by_ci))
    assert given["_LAUNCH_FLAGS"].split() == answer.values["launch_flags"]
    assert set(by_ci.partition(" -- ")[2].split()) - {"\\"} <= flags


def test_without_variables_ci_needs_its_flags_alone(values: dict[str, Any]) -> None:
    given = substitutions(values["cloudbuild_substitutions_line"])
    assert launched_by_ci(given) == launched_by_ci({"_LAUNCH_FLAGS": given["_LAUNCH_FLAGS"]})


def test_every_substitution_that_a_variable_changes_is_in_the_line(
    values: dict[str, Any], tmp_path: Path
) -> None:
    names = {"lake_bucket": "a-lake", "staging_bucket": "b-staging", "templates_bucket": "c-templates"}
    answer = evaluate(tmp_path, region="europe-west4", dataset_id="shop_events", max_workers=3, **names)
    before = substitutions(values["cloudbuild_substitutions_line"])
    after = substitutions(answer.values["cloudbuild_substitutions_line"])
    assert [name for name in before if before[name] == after[name]] == []


def test_a_policy_that_counts_does_so_over_all_its_minutes(values: dict[str, Any]) -> None:
    seconds = values["policy_seconds"]
    counting = {name for name, policy in values["policies"].items() if policy["aligner"] == "ALIGN_DELTA"}
    assert {name: seconds[name] for name in counting} == {
        "worker_errors": {"period": 600, "duration": 0},
        "function_errors": {"period": 60, "duration": 0},
    }


def test_a_policy_on_a_level_looks_every_minute(values: dict[str, Any]) -> None:
    levels = {name: policy for name, policy in values["policies"].items() if policy["aligner"] == "ALIGN_MAX"}
    assert len(levels) == 6
    assert {name: values["policy_seconds"][name] for name in levels} == {
        name: {"period": 60, "duration": 60 * policy["minutes"]} for name, policy in levels.items()
    }


def test_a_failed_job_of_any_name_is_told_of_by_itself(values: dict[str, Any]) -> None:
    policy = values["policies"]["failed_job"]
    (names,) = re.findall(r'job_name=monitoring\.regex\.full_match\("(.+?)"\)', policy["filter"])
    template = (REPOSITORY / "docs" / "template.md").read_text(encoding="utf-8")
    launched = set(re.findall(r"flex-template run (\S+)", template))
    assert launched >= {"order-pipeline", "order-backfill"}
    assert [name for name in launched if not re.fullmatch(names, name)] == []
    assert not re.fullmatch(names, "reorder-books")
    assert policy["filter"].endswith(' AND metric.type="dataflow.googleapis.com/job/is_failed"')
    assert policy["group_by"] == ["resource.label.job_name"]


def test_the_other_policies_look_at_the_pipeline_alone(values: dict[str, Any]) -> None:
    for name in ("system_lag", "data_freshness"):
        assert 'job_name="order-pipeline"' in values["policies"][name]["filter"]


def test_an_alert_that_is_tried_again_is_no_error_of_the_function(values: dict[str, Any]) -> None:
    conditions = values["log_filters"]["alerting-function-errors"].split(" AND ")
    assert "severity>=ERROR" in conditions
    # What it answers with and the traceback of what it raises; all else that it logs is a line of its own.
    delivery = (REPOSITORY / "functions" / "alerting" / "delivery.py").read_text(encoding="utf-8")
    (raised,) = set(re.findall(r"^ +raise (\w+)\(", delivery, re.MULTILINE))
    refused = {condition for condition in conditions if condition.startswith("NOT ")}
    assert refused == {'NOT log_id("run.googleapis.com/requests")', f'NOT textPayload:"{raised}"'}
    (later,) = re.findall(r"except Unavailable as \w+:\n +_log\(\"(\w+)\"", delivery)
    (for_good,) = re.findall(r"except Refused as \w+:\n +_log\(\"(\w+)\"", delivery)
    assert (later, for_good) == ("WARNING", "ERROR")


def test_a_plan_warns_that_nobody_is_told(answer: Answer, tmp_path: Path) -> None:
    (warning,) = answer.warnings
    assert warning.startswith("Nobody is told when an alert policy fires")
    assert "notification_email is not set" in warning
    assert evaluate(tmp_path, notification_email="oncall@example.com").warnings == []


def test_the_query_of_raw_events_has_no_placeholder_left(values: dict[str, Any]) -> None:
    query = values["raw_events_query"].partition("\nMERGE")[2]
    assert "{" not in query
    assert "`my-shop.ecommerce_events.raw_events`" in query
    assert query.count("INTERVAL 8 DAY") == 4
