"""What both Spark programs share: the session, the order metrics, the files."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame, SparkSession  # type: ignore[import-not-found]
from pyspark.sql import functions as F

LAKE_COLUMNS = {
    "order": "order_id, customer_id, order_date, status, total_amount, items, shipping_address",
    "inventory": "inventory_id, product_id, warehouse_id, quantity_change, reason, timestamp",
    "user_activity": "user_id, activity_type, timestamp, metadata",
}
PIPELINE_COLUMNS = "event_id, schema_version, is_late, publish_time, processed_at"


def start_session(cores: int = 2) -> SparkSession:
    """A session in this process, set up for one machine."""
    settings: dict[str, Any] = {
        "spark.driver.memory": "4g",
        "spark.sql.shuffle.partitions": 2 * cores,  # 200 by default: for a cluster
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.ui.enabled": False,
        "spark.ui.showConsoleProgress": False,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }
    builder = SparkSession.builder.master(f"local[{cores}]").appName("backfill")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def write_lake(events: DataFrame, event_type: str, output: str) -> None:
    """Write one type's events, with the columns of its table and `event_time`, into the lake by hour."""
    columns = f"{LAKE_COLUMNS[event_type]}, {PIPELINE_COLUMNS}".split(", ")
    partitioned = events.select(
        *columns,
        F.date_format("event_time", "yyyy-MM-dd").alias("date"),
        F.date_format("event_time", "HH").alias("hour"),
    )
    folder = f"{output}/processed/event_type={event_type}"
    partitioned.write.partitionBy("date", "hour").mode("overwrite").parquet(folder)


def order_metrics(orders: DataFrame) -> DataFrame:
    """The rows of order_metrics: per 5 minutes, dimension and value."""
    orders = orders.select(
        F.window("event_time", "5 minutes").start.alias("window_start"),
        "event_id",
        "customer_id",
        "status",
        "is_late",
        "items",
        F.col("shipping_address.country").alias("country"),
        F.col("total_amount").alias("revenue"),
        F.aggregate("items", F.lit(0).cast("long"), lambda total, item: total + item.quantity).alias("units"),
    )
    of_order = orders.select(
        "window_start",
        "customer_id",
        "is_late",
        "units",
        "revenue",
        F.explode(
            F.create_map(
                *(F.lit("all"), F.lit("all")),
                *(F.lit("status"), F.col("status")),
                *(F.lit("country"), _or_none(F.col("country"))),
            )
        ).alias("dimension", "dimension_value"),
    )
    of_category = (
        orders.select("window_start", "event_id", "customer_id", "is_late", F.explode("items").alias("item"))
        .groupBy(
            "window_start",
            "event_id",
            "customer_id",
            "is_late",
            _or_none(F.col("item.category")).alias("dimension_value"),
        )
        .agg(
            F.sum("item.quantity").alias("units"),
            F.sum(F.col("item.quantity") * F.col("item.unit_price")).alias("revenue"),
        )
        .withColumn("dimension", F.lit("category"))
        .drop("event_id")
    )
    return (
        of_order.unionByName(of_category)
        .groupBy("window_start", "dimension", "dimension_value")
        .agg(
            F.count("*").alias("order_count"),
            F.sum("units").alias("item_count"),
            F.sum("revenue").alias("revenue"),
            (F.sum("revenue") / F.count("*")).alias("average_order_value"),
            F.count_distinct("customer_id").alias("unique_customers"),
            F.sum(F.col("is_late").cast("long")).alias("late_count"),
        )
    )


def write_table(rows: DataFrame, table: str, output: str) -> None:
    """Write rows as newline-delimited JSON."""
    rows.write.mode("overwrite").json(f"{output}/tables/{table}")


def _or_none(column: Any) -> Any:
    return F.coalesce(F.nullif(column, F.lit("")), F.lit("(none)"))
