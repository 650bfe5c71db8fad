"""Creates in the emulators what Terraform creates in the cloud; what is there already is kept."""

from __future__ import annotations

import contextlib
from typing import Any

import grpc
from google.api_core.exceptions import AlreadyExists, Conflict
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.storage import Client as StorageClient
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PushConfig, Subscription

from local import names
from local.errors import StackError
from local.names import Names
from pipeline.contract import Contract, Table
from pipeline.projections import bigquery_fields, create_view_ddl

_TIMEOUT_SECONDS = 10.0
# The pipeline acknowledges after its sinks have written, the archiver after its object is.
_EVENTS_ACK_DEADLINE_SECONDS = 60
_ALERTS_ACK_DEADLINE_SECONDS = 30


def bigquery_client(address: str, project: str) -> bigquery.Client:
    """Return a client of the emulator at `[http://]host:port`; its queries need not name the dataset."""
    return bigquery.Client(
        project=project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": address if "://" in address else f"http://{address}"},
        default_query_job_config=bigquery.QueryJobConfig(default_dataset=f"{project}.{names.DATASET}"),
    )


def create_pubsub_resources(
    address: str, names_: Names, push_endpoint: str | None, *, archived: bool = False
) -> None:
    """Create the topics and their subscriptions at `host:port`.

    Alerts are pushed to `push_endpoint`. The archiver's subscription is there only if events are `archived`:
    without a reader it would keep them all.
    """
    with grpc.insecure_channel(address) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        for topic in (names.EVENTS_TOPIC, names.DLQ_TOPIC, names.ALERTS_TOPIC):
            publisher.create_topic(name=names_.topic(topic), timeout=_TIMEOUT_SECONDS)
        subscriptions = [
            _subscription(
                names_, names.EVENTS_SUBSCRIPTION, names.EVENTS_TOPIC, _EVENTS_ACK_DEADLINE_SECONDS
            ),
            _subscription(names_, names.DLQ_SUBSCRIPTION, names.DLQ_TOPIC, _EVENTS_ACK_DEADLINE_SECONDS),
        ]
        if archived:
            subscriptions.append(
                _subscription(
                    names_, names.ARCHIVE_SUBSCRIPTION, names.EVENTS_TOPIC, _EVENTS_ACK_DEADLINE_SECONDS
                )
            )
        if push_endpoint is not None:
            alerts = _subscription(
                names_, names.ALERTS_PUSH_SUBSCRIPTION, names.ALERTS_TOPIC, _ALERTS_ACK_DEADLINE_SECONDS
            )
            alerts.push_config = PushConfig(push_endpoint=push_endpoint)
            subscriptions.append(alerts)
        for subscription in subscriptions:
            subscriber.create_subscription(subscription, timeout=_TIMEOUT_SECONDS)


def _subscription(names_: Names, name: str, topic: str, ack_deadline_seconds: int) -> Subscription:
    return Subscription(
        name=names_.subscription(name),
        topic=names_.topic(topic),
        ack_deadline_seconds=ack_deadline_seconds,
    )


def create_bucket(address: str, names_: Names) -> None:
    """Create the bucket in the emulator at `http://host:port`."""
    client = StorageClient(
        project=names_.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": address},
    )
    with contextlib.suppress(Conflict):  # kept from an earlier run
        client.create_bucket(names.BUCKET, timeout=_TIMEOUT_SECONDS)


def create_dataset(address: str, names_: Names, contract: Contract) -> None:
    """Create the dataset with the contract's tables and views in the emulator at `host:port`.

    Raises: StackError if a table kept from an earlier run has other columns than the contract.
    """
    client = bigquery_client(address, names_.project)
    client.create_dataset(names.DATASET, exists_ok=True, timeout=_TIMEOUT_SECONDS)
    for table in contract.tables.values():
        _create_table(client, names_, table)
    for view in contract.views.values():
        # Views hold nothing: made anew, they always are the contract's.
        client.query(create_view_ddl(view, names_.dataset), timeout=_TIMEOUT_SECONDS, job_retry=None).result(
            timeout=_TIMEOUT_SECONDS
        )


def _create_table(client: bigquery.Client, names_: Names, table: Table) -> None:
    # tables.insert and not create_table_ddl: the emulator forgets descriptions and modes given in DDL.
    wanted = bigquery.Table(f"{names_.dataset}.{table.name}")
    wanted.schema = [bigquery.SchemaField.from_api_repr(field) for field in bigquery_fields(table)]
    wanted.description = table.description
    if table.partition is not None:
        wanted.time_partitioning = bigquery.TimePartitioning(
            type_=table.partition.type, field=table.partition.field
        )
    wanted.clustering_fields = list(table.clustering) or None
    try:
        client.create_table(wanted, timeout=_TIMEOUT_SECONDS)
    except (AlreadyExists, Conflict):
        kept = client.get_table(wanted.reference, timeout=_TIMEOUT_SECONDS)
        if _shape(kept.schema) != _shape(wanted.schema):
            raise StackError(
                f"The table {table.name} in this state folder has other columns than schemas.json: "
                "start with --fresh, or with another --state."
            ) from None


def _shape(fields: Any) -> list[Any]:
    """Return what must agree between two schemas: names, types and modes, not descriptions."""
    return [(field.name, field.field_type, field.mode, _shape(field.fields)) for field in fields]
