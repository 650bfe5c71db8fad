"""Native Spark, `local[2]`: from_json into columns, checks as column expressions, no Python per row.

It checks what duckdb_script.py checks, and that integers fit 64 bits and strings are valid UTF-8. It does
not see fields the contract does not declare, equal keys, a number where a string belongs, half surrogates
or deep nesting; its dead letters have one reason and no list of errors. It takes any one
of equal ids. What is parsed is kept in memory, because lake, metrics and dead letters all read it.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import functions as F  # type: ignore[import-not-found]

from benchmarks.backfill.peers.arguments import parse_arguments
from benchmarks.backfill.peers.spark_session import order_metrics, start_session, write_lake, write_table

SCHEMA = """
    event_type STRING, event_id STRING, schema_version BIGINT,
    order_id STRING, customer_id STRING, order_date STRING, status STRING, total_amount DOUBLE,
    items ARRAY<STRUCT<product_id: STRING, product_name: STRING, category: STRING, quantity: BIGINT,
                       unit_price: DOUBLE>>,
    shipping_address STRUCT<street: STRING, city: STRING, state: STRING, postal_code: STRING,
                            country: STRING>,
    inventory_id STRING, product_id STRING, warehouse_id STRING, quantity_change BIGINT, reason STRING,
    timestamp STRING, user_id STRING, activity_type STRING,
    metadata STRUCT<session_id: STRING, product_id: STRING, category: STRING, price: DOUBLE, quantity: BIGINT,
                    user_segment: STRING, device_type: STRING, browser: STRING, geo_country: STRING,
                    geo_city: STRING, referrer: STRING, campaign_id: STRING>,
    _corrupt STRING
"""
TIMESTAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$"
NEWEST_VERSION = {"order": 1, "inventory": 1, "user_activity": 3}
CHECKS = {
    "order": """
        length(order_id) BETWEEN 1 AND 128 AND length(customer_id) BETWEEN 1 AND 128
        AND status IN ('pending', 'processing', 'shipped', 'delivered')
        AND total_amount >= 0 AND total_amount < double('inf') AND size(items) >= 1
        AND forall(items, item -> coalesce(length(item.product_id) BETWEEN 1 AND 128
                                           AND item.quantity >= 1 AND item.unit_price >= 0
                                           AND item.unit_price < double('inf'), false))
        AND (shipping_address IS NULL
             OR (length(shipping_address.city) >= 1 AND shipping_address.country RLIKE '^[A-Z]{2}$'))
    """,
    "inventory": """
        length(inventory_id) BETWEEN 1 AND 128 AND length(product_id) BETWEEN 1 AND 128
        AND length(warehouse_id) BETWEEN 1 AND 128 AND quantity_change <> 0
        AND reason IN ('restock', 'sale', 'return', 'damage')
    """,
    "user_activity": """
        (user_id IS NULL OR length(user_id) BETWEEN 1 AND 128)
        AND activity_type IN ('login', 'logout', 'view_product', 'add_to_cart')
    """,
}


def run(pattern: str, output: str) -> None:
    """Read, write and end; raises what Spark raises."""
    session = start_session()
    options = {
        "mode": "PERMISSIVE",
        "columnNameOfCorruptRecord": "_corrupt",
        "allowNonNumericNumbers": "false",
    }
    is_text = F.expr("is_valid_utf8(value)")
    judged = (
        session.read.text(pattern)
        .withColumn("e", F.when(is_text, F.from_json("value", SCHEMA, options)))
        .select("value", "e.*")
        .withColumn(
            "time_text",
            F.when(F.col("event_type") == "order", F.col("order_date")).otherwise(F.col("timestamp")),
        )
        .withColumn(
            "event_time",
            F.when(F.col("time_text").rlike(TIMESTAMP), F.expr("try_cast(time_text AS TIMESTAMP)")),
        )
        .withColumn("refusal", _refusal(is_text))
        .persist()
    )
    accepted = (
        judged.where("refusal IS NULL")
        .drop("value", "refusal", "time_text", "_corrupt", "order_date", "timestamp")
        .dropDuplicates(["event_type", "event_id"])
        .withColumns(
            {
                "order_date": F.col("event_time"),
                "timestamp": F.col("event_time"),
                "schema_version": F.coalesce("schema_version", _by_type(NEWEST_VERSION)),
                "is_late": F.lit(False),  # a plain line has no publish time
                "publish_time": F.col("event_time"),
                "processed_at": F.current_timestamp(),
            }
        )
        .persist()
    )
    for event_type in CHECKS:
        write_lake(accepted.where(F.col("event_type") == event_type), event_type, output)
    write_table(order_metrics(accepted.where("event_type = 'order'")), "order_metrics", output)
    rejected = judged.where("refusal IS NOT NULL")
    dead_letters = rejected.select("refusal", F.base64(F.col("value").cast("binary")).alias("payload"))
    write_table(dead_letters.withColumnRenamed("refusal", "reason"), "dead_letters", output)
    session.stop()


def _refusal(is_text: Any) -> Any:
    checks = (
        "CASE event_type "
        + " ".join(f"WHEN '{name}' THEN {check}" for name, check in CHECKS.items())
        + " END"
    )
    return (
        F.when(~is_text, "not_utf8")
        .when(F.col("_corrupt").isNotNull() | ~F.col("value").startswith("{"), "malformed_json")
        .when(F.expr(f"coalesce(event_type NOT IN {tuple(CHECKS)}, true)"), "unknown_event_type")
        .when(F.expr("coalesce(length(event_id) NOT BETWEEN 1 AND 128, true)"), "invalid_event_id")
        .when(F.col("schema_version") > _by_type(NEWEST_VERSION), "unsupported_schema_version")
        .when(F.col("event_time").isNull(), "invalid_timestamp")
        .when(F.expr(f"NOT coalesce({checks}, false)"), "invalid_value")
    )


def _by_type(values: dict[str, int]) -> Any:
    return F.expr(
        "CASE event_type " + " ".join(f"WHEN '{name}' THEN {n}" for name, n in values.items()) + " END"
    )


def main() -> None:
    """Run."""
    arguments = parse_arguments(__doc__)
    run(arguments.input, arguments.output)


if __name__ == "__main__":
    main()
