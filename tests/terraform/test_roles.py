"""Who may do what: data roles on single resources, and on the project only what exists nowhere else."""

from __future__ import annotations

import re

import yaml

from tests.terraform.configuration import FOLDER, REPOSITORY, blocks, resources

ON_THE_PROJECT = {
    "roles/bigquery.jobUser",
    "roles/dataflow.developer",
    "roles/dataflow.worker",
    "roles/logging.logWriter",
    "roles/logging.viewer",
}
GRANT = re.compile(r'who = "(\w+)", role = "(roles/[\w.]+)"')


def accounts() -> dict[str, str]:
    """What Terraform calls each service account, and its account id."""
    text = (FOLDER / "iam.tf").read_text(encoding="utf-8")
    return dict(re.findall(r'^    (\w+) += \{ id = "([\w-]+)", is = ', text, re.MULTILINE))


def test_only_roles_that_open_no_data_are_granted_on_the_whole_project() -> None:
    granted = set()
    for block in resources("google_project_iam_member"):
        roles = set(re.findall(r'role += "(roles/[\w.]+)"', block.body))
        if "condition {" in block.body:
            assert re.search(r'expression = "resource\.name\.startsWith\(', block.body)
            continue
        granted |= roles
    assert granted == ON_THE_PROJECT


def test_a_grant_takes_nothing_away_from_anybody_else() -> None:
    # A binding or a policy would remove the members that Terraform does not know.
    granting = {
        block.labels[0] for block in blocks() if block.kind == "resource" and "_iam_" in block.labels[0]
    }
    assert len(granting) > 7
    assert {type_ for type_ in granting if not type_.endswith("_iam_member")} == set()


def test_nobody_is_owner_editor_or_administrator() -> None:
    roles = {role for block in blocks() for role in re.findall(r"roles/[\w.]+", block.body)}
    assert len(roles) > 15
    assert {role for role in roles if re.search(r"^roles/(owner|editor)$|[aA]dmin", role)} == set()


def test_nothing_is_open_to_everybody() -> None:
    for block in blocks():
        assert "allUsers" not in block.body
        assert "allAuthenticatedUsers" not in block.body


def test_the_worker_has_the_roles_that_the_pipeline_asks_for() -> None:
    text = (FOLDER / "iam.tf").read_text(encoding="utf-8")
    held = {role for who, role in GRANT.findall(text) if who == "worker"}
    assert held == {
        "roles/bigquery.dataEditor",
        "roles/bigquery.jobUser",
        "roles/dataflow.developer",
        "roles/dataflow.worker",
        "roles/pubsub.publisher",
        "roles/pubsub.subscriber",
        "roles/pubsub.viewer",
        "roles/storage.objectUser",
        "roles/storage.objectViewer",
    }


def test_the_generator_can_publish_events_and_nothing_else() -> None:
    text = (FOLDER / "iam.tf").read_text(encoding="utf-8")
    grants = re.findall(r'who = "generator", role = "(roles/[\w.]+)", on = ("?[\w.]+"?)', text)
    assert grants == [("roles/pubsub.publisher", '"events"')]


def test_only_the_worker_may_write_events() -> None:
    text = (FOLDER / "iam.tf").read_text(encoding="utf-8")
    assert re.findall(r'who = "(\w+)", role = "roles/bigquery.dataEditor"', text) == ["worker"]
    lake = re.findall(
        r'who = "(\w+)", role = "roles/storage.objectUser", on = google_storage_bucket.lake', text
    )
    assert lake == ["worker"]
    (filled,) = resources("google_bigquery_table_iam_member")
    assert filled.argument("table_id") == 'google_bigquery_table.table["raw_events"].table_id'
    assert filled.argument("member") == "local.member.raw_events"


def test_every_account_has_a_grant() -> None:
    assert len(accounts()) == 8
    text = "\n".join(
        block.body for block in blocks() if block.kind == "resource" and "_iam_" in block.labels[0]
    )
    granted = {who for who, _ in GRANT.findall(text)}
    granted |= set(re.findall(r"local\.member\.(\w+)", text))
    assert granted == set(accounts())


def test_cloud_build_uses_the_names_that_terraform_gives() -> None:
    build = yaml.safe_load((REPOSITORY / "cloudbuild.yaml").read_text(encoding="utf-8"))
    said = build["substitutions"]
    ids = accounts()
    assert said["_CI_ACCOUNT"].split("@")[0] == ids["ci"]
    assert said["_WORKER_ACCOUNT"].split("@")[0] == ids["worker"]
    locals_ = (FOLDER / "locals.tf").read_text(encoding="utf-8").replace("var.project_id", "PROJECT_ID")
    assert f'"{said["_OUTPUT_BUCKET"].removeprefix("gs://")}"' in locals_
    assert f'"{said["_STAGING"].removeprefix("gs://")}"' in locals_
    assert f'"{said["_TEMPLATES"].removeprefix("gs://").removesuffix("/pipeline")}"' in locals_
    assert f'job_name = "{said["_JOB_NAME"]}"' in locals_
