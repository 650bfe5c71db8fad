-- Run by duckdb_script.py, which says what this checks and what it does not. $input and $output are put in there.

CREATE MACRO instant(text) AS try_strptime(text, '%Y-%m-%dT%H:%M:%S.%fZ');

CREATE TABLE parsed AS
SELECT line, CASE WHEN json_valid(line) THEN from_json(line, '{
    "event_type": "VARCHAR", "event_id": "VARCHAR", "schema_version": "BIGINT",
    "order_id": "VARCHAR", "customer_id": "VARCHAR", "order_date": "VARCHAR", "status": "VARCHAR",
    "total_amount": "DOUBLE",
    "items": [{"product_id": "VARCHAR", "product_name": "VARCHAR", "category": "VARCHAR",
               "quantity": "BIGINT", "unit_price": "DOUBLE"}],
    "shipping_address": {"street": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR",
                         "postal_code": "VARCHAR", "country": "VARCHAR"},
    "inventory_id": "VARCHAR", "product_id": "VARCHAR", "warehouse_id": "VARCHAR",
    "quantity_change": "BIGINT", "reason": "VARCHAR", "timestamp": "VARCHAR",
    "user_id": "VARCHAR", "activity_type": "VARCHAR",
    "metadata": {"session_id": "VARCHAR", "product_id": "VARCHAR", "category": "VARCHAR", "price": "DOUBLE",
                 "quantity": "BIGINT", "user_segment": "VARCHAR", "device_type": "VARCHAR", "browser": "VARCHAR",
                 "geo_country": "VARCHAR", "geo_city": "VARCHAR", "referrer": "VARCHAR", "campaign_id": "VARCHAR"}
}') END AS e
FROM read_csv($input, columns = {'line': 'VARCHAR'}, header = false, auto_detect = false, delim = '\x01',
              quote = '', escape = '', strict_mode = false, ignore_errors = true, store_rejects = true);

CREATE TABLE judged AS
SELECT
    line, e,
    instant(CASE e.event_type WHEN 'order' THEN e.order_date ELSE e.timestamp END) AS event_time,
    CASE
        WHEN e IS NULL THEN 'malformed_json'
        WHEN e.event_type IS NULL OR e.event_type NOT IN ('order', 'inventory', 'user_activity')
            THEN 'unknown_event_type'
        WHEN e.event_id IS NULL OR length(e.event_id) NOT BETWEEN 1 AND 128 THEN 'invalid_event_id'
        WHEN e.schema_version > CASE e.event_type WHEN 'user_activity' THEN 3 ELSE 1 END
            THEN 'unsupported_schema_version'
        WHEN event_time IS NULL THEN 'invalid_timestamp'
        WHEN e.event_type = 'order' AND NOT coalesce(
            length(e.order_id) BETWEEN 1 AND 128
            AND length(e.customer_id) BETWEEN 1 AND 128
            AND e.status IN ('pending', 'processing', 'shipped', 'delivered')
            AND e.total_amount >= 0 AND isfinite(e.total_amount)
            AND len(e.items) >= 1
            AND len(list_filter(e.items, lambda item: NOT coalesce(
                length(item.product_id) BETWEEN 1 AND 128
                AND item.quantity >= 1
                AND item.unit_price >= 0 AND isfinite(item.unit_price), false))) = 0
            AND (e.shipping_address IS NULL
                 OR (length(e.shipping_address.city) >= 1
                     AND regexp_full_match(e.shipping_address.country, '[A-Z]{2}'))),
            false) THEN 'invalid_value'
        WHEN e.event_type = 'inventory' AND NOT coalesce(
            length(e.inventory_id) BETWEEN 1 AND 128
            AND length(e.product_id) BETWEEN 1 AND 128
            AND length(e.warehouse_id) BETWEEN 1 AND 128
            AND e.quantity_change <> 0
            AND e.reason IN ('restock', 'sale', 'return', 'damage'),
            false) THEN 'invalid_value'
        WHEN e.event_type = 'user_activity' AND NOT coalesce(
            (e.user_id IS NULL OR length(e.user_id) BETWEEN 1 AND 128)
            AND e.activity_type IN ('login', 'logout', 'view_product', 'add_to_cart')
            AND (e.metadata.price IS NULL OR isfinite(e.metadata.price)),
            false) THEN 'invalid_value'
    END AS refusal
FROM parsed;

CREATE TABLE accepted AS
SELECT DISTINCT ON (e.event_type, e.event_id) e, event_time FROM judged WHERE refusal IS NULL;

COPY (
    SELECT e.* EXCLUDE (event_type, schema_version, inventory_id, product_id, warehouse_id, quantity_change, reason,
                        timestamp, user_id, activity_type, metadata, order_date),
           event_time AS order_date, coalesce(e.schema_version, 1) AS schema_version, false AS is_late,
           event_time AS publish_time, now() AS processed_at,
           e.event_type AS event_type, strftime(event_time, '%Y-%m-%d') AS date, strftime(event_time, '%H') AS hour
    FROM accepted WHERE e.event_type = 'order'
) TO $lake (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (event_type, date, hour), OVERWRITE_OR_IGNORE);

COPY (
    SELECT e.inventory_id, e.product_id, e.warehouse_id, e.quantity_change, e.reason, e.event_id,
           event_time AS timestamp, coalesce(e.schema_version, 1) AS schema_version, false AS is_late,
           event_time AS publish_time, now() AS processed_at,
           e.event_type AS event_type, strftime(event_time, '%Y-%m-%d') AS date, strftime(event_time, '%H') AS hour
    FROM accepted WHERE e.event_type = 'inventory'
) TO $lake (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (event_type, date, hour), OVERWRITE_OR_IGNORE);

COPY (
    SELECT e.user_id, e.activity_type, e.metadata, e.event_id,
           event_time AS timestamp, coalesce(e.schema_version, 3) AS schema_version, false AS is_late,
           event_time AS publish_time, now() AS processed_at,
           e.event_type AS event_type, strftime(event_time, '%Y-%m-%d') AS date, strftime(event_time, '%H') AS hour
    FROM accepted WHERE e.event_type = 'user_activity'
) TO $lake (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (event_type, date, hour), OVERWRITE_OR_IGNORE);

COPY (
    WITH orders AS (
        SELECT time_bucket(INTERVAL 5 minutes, event_time) AS window_start, e.*,
               list_sum(list_transform(e.items, lambda item: item.quantity)) AS units
        FROM accepted WHERE e.event_type = 'order'
    ), of_items AS (
        SELECT window_start, event_id, customer_id, unnest(items) AS item FROM orders
    ), counted AS (
        SELECT window_start, event_id, customer_id, 'category' AS dimension,
               coalesce(nullif(item.category, ''), '(none)') AS dimension_value,
               sum(item.quantity) AS units, sum(item.quantity * item.unit_price) AS revenue
        FROM of_items GROUP BY ALL
        UNION ALL SELECT window_start, event_id, customer_id, 'all', 'all', units, total_amount FROM orders
        UNION ALL SELECT window_start, event_id, customer_id, 'status', status, units, total_amount FROM orders
        UNION ALL SELECT window_start, event_id, customer_id, 'country',
                         coalesce(shipping_address.country, '(none)'), units, total_amount FROM orders
    )
    SELECT strftime(window_start, '%Y-%m-%dT%H:%M:%S.%fZ') AS window_start, dimension, dimension_value,
           count(*) AS order_count, sum(units)::BIGINT AS item_count, sum(revenue) AS revenue,
           sum(revenue) / count(*) AS average_order_value, count(DISTINCT customer_id) AS unique_customers,
           0 AS late_count
    FROM counted GROUP BY ALL
) TO $metrics (FORMAT json);

COPY (
    SELECT refusal AS reason, base64(encode(line)) AS payload FROM judged WHERE refusal IS NOT NULL
    UNION ALL SELECT 'not_utf8', base64(encode(csv_line)) FROM reject_errors
) TO $dead_letters (FORMAT json);
