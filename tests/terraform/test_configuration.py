"""What the files say, read without the terraform binary."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from local import names
from pipeline.contract import Column, load_contract
from pipeline.flags import FLAGS, all_flags
from pipeline.preflight.pubsub import ACK_DEADLINE_SECONDS
from tests.terraform.configuration import FILES, FOLDER, REPOSITORY, Block, blocks, resources, strings

KINDS = (
    "versions variables locals apis pubsub storage bigquery iam artifact_registry alerting monitoring outputs"
)


def one(type_: str, name: str) -> Block:
    (block,) = [block for block in resources(type_) if block.labels[1] == name]
    return block


def columns_and_fields(columns: tuple[Column, ...]) -> set[str]:
    inner = [columns_and_fields(column.fields) for column in columns]
    return {column.name for column in columns}.union(*inner)


def test_each_kind_of_resource_has_a_file() -> None:
    assert {f"{kind}.tf" for kind in KINDS.split()} <= {file.name for file in FILES}
    assert len(blocks()) > 80


def test_no_file_is_too_long_to_read() -> None:
    assert [file.name for file in FILES if len(file.read_text().splitlines()) > 300] == []


def test_only_the_project_has_no_default() -> None:
    variables = [block for block in blocks() if block.kind == "variable"]
    assert [block.name for block in variables if block.argument("default") is None] == ["project_id"]
    assert all(block.argument("description") for block in variables)


def test_every_variable_that_can_be_wrong_is_checked_by_a_message_that_shows_it() -> None:
    for block in blocks():
        if block.kind != "variable" or block.argument("type") == "bool":
            continue
        message = block.argument("error_message")
        assert message is not None, block.name
        assert block.name in message
        assert f"var.{block.name}" in message


@pytest.mark.parametrize("table", sorted(load_contract().tables))
def test_no_file_names_a_column(table: str) -> None:
    columns = columns_and_fields(load_contract().tables[table].columns)
    written = {text for block in blocks() for text in strings(block.body)}
    # Words that are a column's name in one place and Terraform's or Google's in another.
    assert columns & written <= {"name", "type", "mode", "description"}


def test_tables_and_views_are_made_from_the_contract_alone() -> None:
    made = {block.labels[1]: block.argument("for_each") for block in resources("google_bigquery_table")}
    assert made == {
        "table": "local.tables",
        "view": "local.views_of_tables",
        "view_of_views": "local.views_of_views",
    }
    locals_ = (FOLDER / "locals.tf").read_text(encoding="utf-8")
    assert 'jsondecode(file("${path.module}/../schemas.json"))' in locals_
    assert "merge(local.contract.tables, { raw_events = local.raw_events })" in locals_


def test_tables_cannot_be_deleted_by_an_apply() -> None:
    table = one("google_bigquery_table", "table")
    assert table.argument("deletion_protection") == "var.deletion_protection"
    assert re.search(
        r'variable "deletion_protection" \{.*?default += true', (FOLDER / "variables.tf").read_text(), re.S
    )


def test_each_flag_that_names_a_resource_has_an_output() -> None:
    places = FLAGS["where events come from and go to"]
    wanted = {
        flag.name for flag in places if flag.only != "backfill" and re.search("PROJECT|BUCKET", flag.example)
    }
    assert len(wanted) == 5
    assert wanted <= {block.name for block in blocks() if block.kind == "output"}


def test_the_launch_command_gives_each_flag_that_is_required() -> None:
    given = re.findall(r'"--parameters (\w+)=', (FOLDER / "locals.tf").read_text(encoding="utf-8"))
    assert set(given) == {flag.name for flag in all_flags() if flag.required and flag.only != "backfill"}


def test_topics_and_subscriptions_are_named_as_on_the_laptop() -> None:
    topics = set(strings(one("google_pubsub_topic", "topic").argument("for_each") or ""))
    assert {names.EVENTS_TOPIC, names.DLQ_TOPIC, names.ALERTS_TOPIC} <= topics
    subscriptions = {
        strings(block.argument("name") or "")[0] for block in resources("google_pubsub_subscription")
    }
    assert {
        names.EVENTS_SUBSCRIPTION,
        names.DLQ_SUBSCRIPTION,
        names.ARCHIVE_SUBSCRIPTION,
        names.ALERTS_PUSH_SUBSCRIPTION,
    } <= subscriptions
    variables = (FOLDER / "variables.tf").read_text(encoding="utf-8")
    assert f'default     = "{names.DATASET}"' in variables


def test_every_topic_has_a_subscription_that_keeps_its_messages() -> None:
    topics = set(strings(one("google_pubsub_topic", "topic").argument("for_each") or ""))
    kept = {strings(block.argument("topic") or "")[0] for block in resources("google_pubsub_subscription")}
    assert kept == topics


def test_the_events_subscription_is_what_preflight_wants() -> None:
    events = one("google_pubsub_subscription", "events")
    assert events.argument("ack_deadline_seconds") == str(ACK_DEADLINE_SECONDS)
    assert events.argument("message_retention_duration") == '"${7 * local.day_seconds}s"'
    assert "dead_letter_policy" not in events.body


def test_no_subscription_expires() -> None:
    expiring = [
        block.name
        for block in resources("google_pubsub_subscription")
        if not re.search(r'expiration_policy \{\s+ttl = ""\s+\}', block.body)
    ]
    assert expiring == []


def test_the_archive_is_written_as_the_backfill_reads_it() -> None:
    archive = one("google_pubsub_subscription", "events_archive")
    described = (REPOSITORY / "docs" / "backfill.md").read_text(encoding="utf-8")
    for argument in ("filename_prefix", "filename_datetime_format", "filename_suffix"):
        assert f"`{argument} = {archive.argument(argument)}`" in described
    assert archive.argument("write_metadata") == "true"
    assert archive.argument("use_topic_schema") == "false"
    roles = set(strings(one("google_storage_bucket_iam_member", "archive").argument("for_each") or ""))
    assert roles == {"roles/storage.objectCreator", "roles/storage.legacyBucketReader"}


def test_every_bucket_is_closed_to_the_public() -> None:
    buckets = resources("google_storage_bucket")
    assert len(buckets) == 4
    for bucket in buckets:
        assert bucket.argument("uniform_bucket_level_access") == "true"
        assert bucket.argument("public_access_prevention") == '"enforced"'


def test_the_lake_becomes_cheaper_with_age() -> None:
    rules = re.findall(
        r'storage_class = "(\w+)".*?age +(?:=) (\d+)', one("google_storage_bucket", "lake").body, re.S
    )
    assert rules == [("NEARLINE", "90"), ("COLDLINE", "180")]


def test_what_a_build_and_a_job_leave_behind_is_deleted_and_what_a_job_needs_is_not() -> None:
    staging = one("google_storage_bucket", "staging")
    assert staging.argument("matches_prefix") == '["temp/", "source/"]'
    operate = (REPOSITORY / "docs" / "operate.md").read_text(encoding="utf-8")
    assert set(re.findall(r"--gcs-source-staging-dir=gs://\S+-staging/(\w+)", operate)) == {"source"}


def test_images_are_deleted_when_they_are_old_unless_they_are_the_newest() -> None:
    (repository,) = resources("google_artifact_registry_repository")
    policies = repository.body.split("cleanup_policies {")[1:]
    asked = [
        (
            re.findall(r'action = "(\w+)"', text),
            re.findall(r" (?:keep_count|tag_state|older_than) += (\S.*)", text),
        )
        for text in policies
    ]
    assert asked == [
        (["KEEP"], ["20"]),
        (["DELETE"], ['"UNTAGGED"', '"${30 * local.day_seconds}s"']),
        (["DELETE"], ['"ANY"', '"${var.image_days * local.day_seconds}s"']),
    ]


def test_whatever_is_encrypted_waits_until_the_grants_on_the_key_hold() -> None:
    sleep = one("time_sleep", "key_grants")
    grants = one("google_kms_crypto_key_iam_member", "service")
    assert sleep.argument("depends_on") == "[google_kms_crypto_key_iam_member.service]"
    assert sleep.argument("create_duration") == '"120s"'
    assert sleep.argument("count") == "local.encrypted ? 1 : 0"
    assert (grants.argument("for_each") or "").startswith("local.encrypted ? {")
    encrypted = [
        block
        for block in blocks()
        if block.kind == "resource" and "var.kms_key_name" in block.body and block not in (sleep, grants)
    ]
    at_once = {
        block.name for block in encrypted if "time_sleep.key_grants" in (block.argument("depends_on") or "")
    }
    assert len(at_once) == 8
    # The others wait with one that they refer to.
    waiting: set[str] = set(at_once)
    for _ in encrypted:
        waiting |= {
            block.name
            for block in encrypted
            if any(re.search(rf"\b{name}\b", block.body) for name in waiting)
        }
    assert {block.name for block in encrypted} - waiting == set()
    told = [block.name for block in blocks() if "google_kms_crypto_key_iam_member.service" in block.body]
    assert told == [sleep.name]


def test_the_policies_are_given_the_seconds_and_groups_that_are_computed() -> None:
    policy = one("google_monitoring_alert_policy", "threshold")
    assert policy.argument("alignment_period") == '"${local.policy_seconds[each.key].period}s"'
    assert policy.argument("duration") == '"${local.policy_seconds[each.key].duration}s"'
    assert policy.argument("group_by_fields") == "try(each.value.group_by, [])"
    assert one("google_logging_metric", "logged").argument("for_each") == "local.log_filters"


def test_the_outputs_show_both_ways_to_launch() -> None:
    shown = {block.name: block.argument("value") for block in blocks() if block.kind == "output"}
    assert shown["launch_command"] == "local.launch_command"
    assert shown["cloudbuild_substitutions"] == "local.cloudbuild_substitutions_line"


def test_raw_events_is_partitioned_and_clustered_as_it_was_asked_for() -> None:
    table = json.loads((FOLDER / "raw_events.json").read_text(encoding="utf-8"))
    assert table["partition"] == {"type": "DAY", "field": "event_timestamp"}
    assert table["clustering"] == ["product_category", "status"]


def test_no_secret_is_written_by_terraform() -> None:
    assert resources("google_secret_manager_secret_version") == []
    assert resources("google_service_account_key") == []


def test_the_function_has_the_secrets_and_the_settings_that_it_reads() -> None:
    settings = (REPOSITORY / "functions" / "alerting" / "settings.py").read_text(encoding="utf-8")
    locals_ = (FOLDER / "locals.tf").read_text(encoding="utf-8")
    secrets = set(re.findall(r"^    ([A-Z_]+) += \{ id = ", locals_, re.MULTILINE))
    assert secrets == {"SLACK_WEBHOOK_URL", "PAGERDUTY_ROUTING_KEY", "WEBHOOK_URL", "WEBHOOK_TOKEN"}
    function = one("google_cloudfunctions2_function", "alerting")
    written = set(re.findall(r"^ +([A-Z][A-Z_]+) +=", function.body, re.MULTILINE))
    assert written == {"ALERT_CHANNELS", "ALERT_STATE"}
    assert all(f'"{variable}"' in settings for variable in secrets | written)


def test_the_function_runs_what_is_there() -> None:
    function = one("google_cloudfunctions2_function", "alerting")
    main = (REPOSITORY / "functions" / "alerting" / "main.py").read_text(encoding="utf-8")
    assert f"def {strings(function.argument('entry_point') or '')[0]}(" in main
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (runtime,) = strings(function.argument("runtime") or "")
    assert project["requires-python"].startswith(f">={runtime.replace('python3', '3.')},")


def test_an_alert_that_cannot_be_delivered_is_kept() -> None:
    push = one("google_pubsub_subscription", "alerts_push")
    assert push.argument("dead_letter_topic") == 'google_pubsub_topic.topic["order-alerts-dlq"].id'
    assert push.argument("minimum_backoff") == '"10s"'
    deadline = int(push.argument("ack_deadline_seconds") or 0)
    timeout = one("google_cloudfunctions2_function", "alerting").argument("timeout_seconds")
    assert deadline > int(timeout or 0)


def test_what_monitoring_asks_for_is_what_the_graph_counts() -> None:
    text = (FOLDER / "monitoring.tf").read_text(encoding="utf-8")
    (counter,) = re.findall(r'metric_name=\\"(\w+)\\"', text)
    (step,) = re.findall(r'ptransform=~\\"(\w+)\.\*\\"', text)
    sink = (REPOSITORY / "pipeline" / "bigquery_sink.py").read_text(encoding="utf-8")
    assert f'Metrics.counter(STAGE, "{counter}")' in sink
    steps = (REPOSITORY / "tests" / "graph" / "step_names.txt").read_text(encoding="utf-8").splitlines()
    assert [name for name in steps if name.startswith(f"{step}/WriteRows")]


def test_every_alert_says_what_it_means() -> None:
    policies = resources("google_monitoring_alert_policy")
    assert {block.labels[1] for block in policies} == {"threshold", "dead_letters", "no_orders"}
    assert all(re.search(r"documentation \{\s+content += \S", block.body) for block in policies)
    text = (FOLDER / "monitoring.tf").read_text(encoding="utf-8")
    assert len(re.findall(r"^      means +=", text, re.MULTILINE)) == 8


def test_an_object_that_was_written_anew_ends_when_the_first_would_have() -> None:
    lake = one("google_storage_bucket", "lake").body
    ends = re.findall(r'type = "Delete".*?condition \{(.*?)\}', lake, re.S)
    of_age, of_custom_time = (
        [
            re.sub(rf"\b{word} +=", "days =", re.sub(" +", " ", end)).split("\n")
            for end in ends
            if re.search(rf"\b{word} +=", end)
        ]
        for word in ("age", "days_since_custom_time")
    )
    assert len(of_age) == 1
    assert of_custom_time == of_age
