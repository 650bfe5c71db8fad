"""Spark, `local[2]`, around the project's own parser: mapInArrow, then Spark's de-duplication and sums.

It checks all that the pipeline checks, and its dead letters are the pipeline's rows, because both come from
the same functions; it takes any one of equal ids. Rows become Arrow columns in the Python worker, so that
Spark parses no JSON. What is parsed is kept in memory, because lake, metrics and dead letters all read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.json
from pyspark.sql import functions as F  # type: ignore[import-not-found]
from pyspark.sql.pandas.types import from_arrow_schema  # type: ignore[import-not-found]

from benchmarks.backfill.peers.arguments import parse_arguments
from benchmarks.backfill.peers.spark_session import (
    LAKE_COLUMNS,
    order_metrics,
    start_session,
    write_lake,
    write_table,
)
from pipeline.arrow_schema import arrow_schema
from pipeline.clock import now_us
from pipeline.contract import load_contract
from pipeline.elements import DeadLetter, RawMessage
from pipeline.errors import Rejected
from pipeline.parse import Parser


def columns_of_all_types() -> pa.Schema:
    """The columns of all event tables together, each of which may be null; equal names have equal types."""
    contract = load_contract()
    fields = {
        field.name: field.with_nullable(True)
        for name in contract.event_types
        for field in arrow_schema(contract.table_of(name))
    }
    return pa.schema(fields.values())


ROW_SCHEMA = columns_of_all_types()
OUT_SCHEMA = pa.schema(
    [
        *ROW_SCHEMA,
        pa.field("event_type", pa.string()),
        pa.field("event_time", pa.timestamp("us", tz="UTC")),
        pa.field("letter", pa.string()),
    ]
)


def parse_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of the column `value`, binary -> batches of OUT_SCHEMA, a row per event or dead letter."""
    from pipeline.transforms.dead_letters import dead_letter_row  # imports Beam, which the driver need not

    parser = Parser(load_contract())
    for batch in batches:
        rows: list[bytes] = []
        event_types: list[str] = []
        times_us: list[int] = []
        letters: list[str] = []
        processed_at_us = now_us()
        for payload in batch.column(0).to_pylist():
            if not payload:
                continue
            message = RawMessage(payload, {}, None, None)
            try:
                event = parser.parse(message, processed_at_us)
            except Rejected as fault:
                letter = DeadLetter(
                    message, "parse", fault.reason, fault.errors, fault.event_type, processed_at_us
                )
                letters.append(dead_letter_row(letter, None).json.decode())
                continue
            rows.append(event.row)
            event_types.append(event.event_type)
            times_us.append(event.event_time_us)
        if rows:
            yield from _events(rows, event_types, times_us).to_batches()
        if letters:
            nothing = {field.name: pa.nulls(len(letters), field.type) for field in OUT_SCHEMA}
            yield pa.RecordBatch.from_pydict({**nothing, "letter": pa.array(letters)}, schema=OUT_SCHEMA)


def _events(rows: list[bytes], event_types: list[str], times_us: list[int]) -> pa.Table:
    table = pyarrow.json.read_json(
        BytesIO(b"\n".join(rows)),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=1 << 26),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=ROW_SCHEMA),
    ).select(ROW_SCHEMA.names)
    columns: list[Any] = [
        *table.columns,
        pa.array(event_types),
        pa.array(times_us, OUT_SCHEMA.field("event_time").type),
        pa.nulls(len(rows), pa.string()),
    ]
    return pa.table(columns, schema=OUT_SCHEMA).combine_chunks()


def run(pattern: str, output: str) -> None:
    """Read, write and end; raises what Spark raises."""
    session = start_session()
    lines = session.read.text(pattern).select(F.col("value").cast("binary"))
    parsed = lines.mapInArrow(parse_batches, from_arrow_schema(OUT_SCHEMA)).persist()
    accepted = (
        parsed.where("letter IS NULL").drop("letter").dropDuplicates(["event_type", "event_id"]).persist()
    )
    for event_type in LAKE_COLUMNS:
        write_lake(accepted.where(F.col("event_type") == event_type), event_type, output)
    write_table(order_metrics(accepted.where("event_type = 'order'")), "order_metrics", output)
    letters = parsed.where("letter IS NOT NULL").select("letter")
    letters.write.mode("overwrite").text(f"{output}/tables/dead_letters")
    session.stop()


def main() -> None:
    """Run."""
    arguments = parse_arguments(__doc__)
    run(arguments.input, arguments.output)


if __name__ == "__main__":
    main()
