"""Resources of a test's own on the stack, right ones, and ways to break them."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, pubsub_v1, storage

from local.resources import bigquery_client
from local.stack import Stack
from pipeline.contract import Table, load_contract
from pipeline.preflight.__main__ import main
from pipeline.projections import bigquery_fields, create_view_ddl


class Ground:
    """Topics, subscriptions, a dataset and a bucket with unguessable names, as the preflight wants them."""

    def __init__(self, stack: Stack) -> None:
        self.project = stack.environment["GOOGLE_CLOUD_PROJECT"]
        self.name = f"p{uuid.uuid4().hex[:10]}"
        self.publisher = pubsub_v1.PublisherClient()
        self.subscriber = pubsub_v1.SubscriberClient()
        self.subscription = self.queue("events", ack_deadline_seconds=60)
        self.queue("dlq")
        self.queue("alerts")
        self.bucket = f"{self.name}-lake"
        storage_client = storage.Client(project=self.project, credentials=AnonymousCredentials())
        self.storage_bucket = storage_client.create_bucket(self.bucket)
        self.bigquery = bigquery_client(stack.service("bigquery").address, self.project)
        self.dataset = f"{self.project}.{self.name}"

    def topic(self, kind: str) -> str:
        return f"projects/{self.project}/topics/{self.name}-{kind}"

    def queue(self, kind: str, topic: str | None = None, **settings: Any) -> str:
        """A topic, if none is given, and a subscription."""
        if topic is None:
            topic = self.publisher.create_topic(name=self.topic(kind)).name
        name = f"projects/{self.project}/subscriptions/{self.name}-{kind}"
        self.subscriber.create_subscription(request={"name": name, "topic": topic, **settings})
        return name

    def create_dataset(self, without: tuple[str, ...] = ()) -> None:
        """The contract's tables and views; some are left out, since the emulator deletes no view."""
        contract = load_contract()
        self.bigquery.create_dataset(self.dataset)
        for table in contract.tables.values():
            self.create_table(table, bigquery_fields(table))
        for view in contract.views.values():
            if view.name in without:
                continue
            self.bigquery.query(create_view_ddl(view, self.dataset)).result()

    def create_table(
        self, table: Table, fields: list[dict[str, Any]], *, partitioned: bool = True, clustered: bool = True
    ) -> None:
        made = bigquery.Table(f"{self.dataset}.{table.name}")
        made.schema = [bigquery.SchemaField.from_api_repr(field) for field in fields]
        if partitioned and table.partition is not None:
            made.time_partitioning = bigquery.TimePartitioning(
                type_=table.partition.type, field=table.partition.field
            )
        made.clustering_fields = list(table.clustering) if clustered else None
        self.bigquery.create_table(made)

    def replace_table(self, name: str, change: Any, **layout: bool) -> None:
        """Make a table anew with its fields as `change` leaves them."""
        table = load_contract().tables[name]
        fields = bigquery_fields(table)
        change(fields)
        self.bigquery.delete_table(f"{self.dataset}.{name}")
        self.create_table(table, fields, **layout)

    def flags(self, **changes: str | None) -> list[str]:
        flags: dict[str, str | None] = {
            "input_subscription": self.subscription,
            "output_bucket": f"gs://{self.bucket}",
            "bq_dataset": "none",
            "dlq_topic": self.topic("dlq"),
            "alerts_topic": self.topic("alerts"),
            **changes,
        }
        return [f"--{name}={value}" for name, value in flags.items() if value is not None]


class Report:
    """What one preflight said."""

    def __init__(self, code: int, findings: list[dict[str, str]]) -> None:
        self.code = code
        self.findings = {one["what"]: one for one in findings}
        assert len(self.findings) == len(findings), "two lines have one name"

    @property
    def wrong(self) -> list[str]:
        return [what for what, one in self.findings.items() if one["state"] == "wrong"]

    def said(self, what: str) -> tuple[str, str]:
        return self.findings[what]["state"], self.findings[what]["said"]

    def run(self, what: str) -> str:
        return self.findings[what]["run"]


def preflight(capsys: pytest.CaptureFixture[str], flags: list[str]) -> Report:
    """Run it with these flags."""
    capsys.readouterr()
    code = main(["--json", *flags])
    return Report(code, orjson.loads(capsys.readouterr().out))
