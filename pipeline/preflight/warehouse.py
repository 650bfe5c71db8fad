"""The dataset, its tables and its views, beside schemas.json."""

from __future__ import annotations

import re
import shlex
import threading
from typing import Any

from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import bigquery

from pipeline.bigquery_client import bigquery_client, table_id
from pipeline.contract import Contract, Table, View
from pipeline.preflight.findings import CALL_SECONDS, Check, Finding, emulator_of, not_checked, ok, wrong
from pipeline.preflight.shapes import Difference, differences

SERVICE = "BigQuery"
APPLY = "terraform -chdir=terraform apply -var=project_id={project}"
_CALL: dict[str, Any] = {"retry": None, "timeout": CALL_SECONDS}
_ONE_AT_A_TIME = threading.Lock()
_VIEW = "roles/bigquery.metadataViewer"


def warehouse_checks(dataset: str, contract: Contract, *, queries: bool) -> list[Check]:
    """What `project:dataset` must hold. A run that `queries` reads `_load_metadata` by a job of its own."""
    project, name = split(dataset)
    create = APPLY.format(project=project)
    checks = [
        Check(
            f"dataset {project}:{name}",
            SERVICE,
            project,
            lambda: _look_at_dataset(project, name),
            f"{create}  # or: bq mk --dataset {project}:{name}",
            _VIEW,
        )
    ]
    for table in contract.tables.values():
        checks.append(_check(dataset, table, create))
    for view in contract.views.values():
        checks.append(_check(dataset, view, create))
    checks.append(
        Check(
            f"role on the tables of {project}:{name}",
            SERVICE,
            project,
            lambda: _may_insert(dataset, contract),
            of_account=True,
        )
    )
    if queries:
        what = f"role to query in {project}"
        checks.append(Check(what, SERVICE, project, lambda: _may_query(project), of_account=True))
    return checks


def split(dataset: str) -> tuple[str, str]:
    """Return project and dataset of `project:dataset`."""
    project, name, _ = table_id(dataset, "t").rsplit(".", 2)
    return project, name


def _check(dataset: str, wanted: Table | View, create: str) -> Check:
    project = split(dataset)[0]
    kind = "table" if isinstance(wanted, Table) else "view"

    def look() -> list[Finding]:
        try:
            found = _client(project).get_table(table_id(dataset, wanted.name), **_CALL)
        except NotFound:
            try:
                _client(project).get_dataset(".".join(split(dataset)), **_CALL)
            except NotFound:
                return [not_checked(f"{kind} {wanted.name}", "There is no dataset.")]
            raise
        if isinstance(wanted, Table):
            return [_compare_table(wanted, found, create)]
        return [compare_view(wanted, found, dataset, create)]

    return Check(f"{kind} {wanted.name}", SERVICE, project, look, create, _VIEW)


def _look_at_dataset(project: str, name: str) -> list[Finding]:
    what = f"dataset {project}:{name}"
    found = _client(project).get_dataset(f"{project}.{name}", **_CALL)
    expires = found.default_table_expiration_ms or found.default_partition_expiration_ms
    remark = f" New tables or partitions expire after {expires / 86_400_000:g} days." if expires else ""
    return [ok(what, f"Location {found.location}.{remark}")]


def _compare_table(table: Table, found: bigquery.Table, create: str) -> Finding:
    what = f"table {table.name}"
    if found.table_type != "TABLE":
        return wrong(what, f"It is a {found.table_type}, not a table.", f"bq rm -t {_bq(found)}")
    every = differences(table, found)
    faults = [one for one in every if not one.harmless]
    if not faults:
        return ok(what, _sentence(every) if every else "")
    return wrong(what, _sentence(faults), _mend(found, faults, create))


def _sentence(every: list[Difference]) -> str:
    text = "; ".join(one.said for one in every)
    return f"{text[0].upper()}{text[1:]}."


def _mend(found: bigquery.Table, faults: list[Difference], create: str) -> str:
    if any(not one.alter for one in faults):
        # Types, REQUIRED columns and partitions stay as they were made; rows have to move to a new table.
        return f"bq cp {_bq(found)} {_bq(found)}_before && bq rm -t {_bq(found)} && {create}"
    statement = "; ".join(f"ALTER TABLE `{_dotted(found)}` {one.alter}" for one in faults)
    return f"bq query --use_legacy_sql=false {shlex.quote(statement)}"


def compare_view(view: View, found: bigquery.Table, dataset: str, create: str) -> Finding:
    """Say whether the view that was found is the contract's; white space and backquotes may differ."""
    what = f"view {view.name}"
    if found.table_type != "VIEW":
        return wrong(what, f"It is a {found.table_type}, not a view.", f"bq rm -t {_bq(found)} && {create}")
    if found.view_query is None:
        return ok(what, "Its query was not compared: this server does not show it.")
    wanted = view.query.replace("{dataset}", ".".join(split(dataset)))
    if _bare(found.view_query) != _bare(wanted):
        return wrong(what, "Its query is not that of schemas.json.", create)
    return ok(what)


def _bare(sql: str) -> str:
    return re.sub(r"[\s`]+", " ", sql).strip().rstrip(";")


def _may_insert(dataset: str, contract: Contract) -> list[Finding]:
    project, name = split(dataset)
    what = f"role on the tables of {project}:{name}"
    lacking, asked = [], 0
    for table in contract.tables:
        try:
            answer = _client(project).test_iam_permissions(
                table_id(dataset, table), ["bigquery.tables.updateData"], **_CALL
            )
        except NotFound:
            continue  # its own line says so
        asked += 1
        if "bigquery.tables.updateData" not in answer.get("permissions", ()):
            lacking.append(table)
    if emulator_of(SERVICE):
        return [not_checked(what, "The BigQuery emulator lets everybody in.")]
    if lacking:
        return [
            wrong(
                what,
                f"This account lacks bigquery.tables.updateData on {', '.join(lacking)}.",
                f"bq add-iam-policy-binding --member=serviceAccount:ACCOUNT "
                f"--role=roles/bigquery.dataEditor {project}:{name}.{lacking[0]}  # and the others",
            )
        ]
    return [ok(what) if asked else not_checked(what, "There is no table to ask about.")]


def _may_query(project: str) -> list[Finding]:
    what = f"role to query in {project}"
    job = bigquery.QueryJobConfig(dry_run=True)
    try:
        _client(project).query("SELECT 1", job_config=job, job_retry=None, **_CALL)
    except Forbidden as error:
        if "bigquery.jobs.create" not in str(error):
            raise
        return [
            wrong(
                what,
                "This account lacks bigquery.jobs.create, and a backfill asks _load_metadata what is loaded.",
                f"gcloud projects add-iam-policy-binding {project} --member=serviceAccount:ACCOUNT "
                "--role=roles/bigquery.jobUser",
            )
        ]
    if emulator_of(SERVICE):
        return [not_checked(what, "The BigQuery emulator lets everybody in.")]
    return [ok(what)]


def _client(project: str) -> bigquery.Client:
    with _ONE_AT_A_TIME:  # all threads want it at once, and looking for credentials takes a while
        return bigquery_client(project)


def _dotted(found: bigquery.Table) -> str:
    return f"{found.project}.{found.dataset_id}.{found.table_id}"


def _bq(found: bigquery.Table) -> str:
    return f"{found.project}:{found.dataset_id}.{found.table_id}"
