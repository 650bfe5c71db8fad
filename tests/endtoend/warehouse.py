"""A dataset of a test's own in the BigQuery emulator, with the contract's tables and views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.cloud import bigquery

from local.resources import bigquery_client
from pipeline.contract import Contract, load_contract
from pipeline.projections import bigquery_fields, create_view_ddl


class Warehouse:
    """Answers SQL in which tables need no dataset."""

    def __init__(self, address: str, project: str, dataset: str) -> None:
        self.dataset = f"{project}.{dataset}"
        self._client = bigquery_client(address, project)
        self._config = bigquery.QueryJobConfig(default_dataset=self.dataset)

    def create(self) -> None:
        contract = load_contract()
        self._client.create_dataset(self.dataset)
        for table in contract.tables.values():
            schema = [bigquery.SchemaField.from_api_repr(field) for field in bigquery_fields(table)]
            self._client.create_table(bigquery.Table(f"{self.dataset}.{table.name}", schema=schema))
        for view in contract.views.values():
            self.ask(create_view_ddl(view, self.dataset))

    def apply(self, contract: Contract) -> None:
        """Add the columns that tables lack and make the views anew, as `terraform apply` does."""
        for table in contract.tables.values():
            there = self._client.get_table(f"{self.dataset}.{table.name}")
            known = {field.name for field in there.schema}
            new = [field for field in bigquery_fields(table) if field["name"] not in known]
            for field in new:
                # The emulator keeps rows and schema apart; BigQuery changes both at once.
                self.ask(f"ALTER TABLE {table.name} ADD COLUMN {field['name']} {field['type']}")
            if new:
                there.schema = [*there.schema, *map(bigquery.SchemaField.from_api_repr, new)]
                self._client.update_table(there, ["schema"])
        for view in contract.views.values():
            self.ask(create_view_ddl(view, self.dataset))

    def ask(self, question: str) -> list[dict[str, Any]]:
        job = self._client.query(question, job_config=self._config, job_retry=None)
        return [dict(row.items()) for row in job.result(job_retry=None)]

    def load(self, table: str, path: Path) -> None:
        """Append a file of newline-delimited JSON by a load job, as `bq load` does."""
        config = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON")
        self._client.load_table_from_uri(
            f"file://{path}", f"{self.dataset}.{table}", job_config=config
        ).result()

    def column(self, question: str) -> list[Any]:
        """The first column of the answer."""
        return [next(iter(row.values())) for row in self.ask(question)]

    def count(self, table: str) -> int:
        (number,) = self.column(f"SELECT COUNT(*) FROM {table}")
        return int(number)

    def ledger(self) -> dict[str, int]:
        """received, accepted, duplicates, rejected and late, over all windows and event types."""
        (row,) = self.ask(
            "SELECT SUM(received) AS received, SUM(accepted) AS accepted, SUM(duplicates) AS duplicates, "
            "SUM(rejected) AS rejected, SUM(late) AS late FROM data_quality_metrics_latest"
        )
        return {word: int(number or 0) for word, number in row.items()}
