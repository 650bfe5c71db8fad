"""From a checked command line to the checks it needs."""

from __future__ import annotations

import google.auth

from pipeline.contract import load_contract
from pipeline.files import find_files
from pipeline.options import ONE_MACHINE, Job
from pipeline.preflight.buckets import place_checks
from pipeline.preflight.dataflow import dataflow_checks
from pipeline.preflight.findings import Check, Finding, emulator_of, ok
from pipeline.preflight.pubsub import subscription_checks, topic_checks
from pipeline.preflight.warehouse import split, warehouse_checks


def project_of(job: Job) -> str:
    """The project that commands are to name."""
    if job.graph.tables.dataset is not None:
        return split(job.graph.tables.dataset)[0]
    return "PROJECT" if job.reads == "files" else job.input_name.split("/")[1]


def account_check(job: Job) -> Check:
    """Who asks: emulators let everybody in, Google Cloud wants credentials."""
    services = _services(job)
    real = [service for service in services if emulator_of(service) is None]
    what = "credentials"

    def look() -> list[Finding]:
        stand_ins = [f"{one} is an emulator at {emulator_of(one)}" for one in services if one not in real]
        if not real:
            return [ok(what, f"{'; '.join(stand_ins)}." if stand_ins else "None needed.")]
        credentials, _ = google.auth.default()
        account = getattr(credentials, "service_account_email", None) or "the user of this machine's gcloud"
        remark = f"{account}, for {', '.join(real)}."
        if stand_ins:
            remark += f" But {'; '.join(stand_ins)}: is that meant?"
        return [ok(what, remark)]

    return Check(what, real[0] if real else "", project_of(job), look)


def checks_of(job: Job) -> list[Check]:
    """Everything the run will touch."""
    graph, project = job.graph, project_of(job)
    checks: list[Check] = []
    events_from = None
    if job.reads == "files":
        lister = "gcloud storage ls" if job.input_name.startswith("gs://") else "ls -l"
        checks.append(
            Check(
                f"files {job.input_name}",
                "Cloud Storage" if job.input_name.startswith("gs://") else "",
                project,
                lambda: _look_at_files(job.input_name),
                # A shell expands ls's argument itself, gcloud its own: quotes would keep a shell from it.
                f"{lister} {job.input_name if lister == 'ls -l' else repr(job.input_name)}",
            )
        )
    else:
        events_from = job.input_name
        checks += subscription_checks(job.input_name, graph.lake.lateness_seconds)
    for flag, topic in (("dlq_topic", graph.dead_letters.topic), ("alerts_topic", graph.alerts.topic)):
        if topic is not None:
            checks += topic_checks(topic, flag, events_from)
    checks += place_checks(graph.tables.root, project)
    if graph.tables.dataset is not None:
        contract = load_contract(graph.parse.schemas_path)
        checks += warehouse_checks(graph.tables.dataset, contract, queries=job.reads == "files")
    if job.runner != ONE_MACHINE:
        queries_in = project if job.reads == "files" and graph.tables.dataset is not None else ""
        checks += dataflow_checks(job.beam_args, queries_in)
    # A bucket can be lake and staging place: it is looked at once.
    return list({check.what: check for check in checks}.values())


def _services(job: Job) -> list[str]:
    graph = job.graph
    uses = {
        "Pub/Sub": job.reads != "files" or graph.dead_letters.topic or graph.alerts.topic,
        "BigQuery": graph.tables.dataset,
        "Cloud Storage": any(path.startswith("gs://") for path in (graph.tables.root, job.input_name)),
        "Dataflow": job.runner == "DataflowRunner",
    }
    return [service for service, used in uses.items() if used]


def _look_at_files(input_path: str) -> list[Finding]:
    files = find_files(input_path)
    empty = sum(not file.size for file in files)
    remark = f"{len(files):,} files, {sum(file.size for file in files):,} bytes."
    return [ok(f"files {input_path}", f"{remark} {empty:,} of them are empty." if empty else remark)]
