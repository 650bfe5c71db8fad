-- Adds to raw_events what the event tables have and it lacks; run twice, it adds nothing the second time.
-- {dataset} and {days} are replaced by Terraform. Only partitions of the last {days} days are read: after a backfill of
-- older events run it once by hand with more.
MERGE `{dataset}.raw_events` AS kept
USING (
  WITH
    recent_orders AS (
      SELECT * FROM `{dataset}.orders`
      WHERE order_date >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {days} DAY)
      QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, processed_at) = 1
    ),
    recent_movements AS (
      SELECT * FROM `{dataset}.inventory_logs`
      WHERE timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {days} DAY)
      QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, processed_at) = 1
    ),
    recent_activity AS (
      SELECT * FROM `{dataset}.user_activity`
      WHERE timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {days} DAY)
      QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, processed_at) = 1
    )
  SELECT
    'order' AS event_type, event_id, position AS line, order_date AS event_timestamp, publish_time, customer_id,
    item.product_id AS product_id, item.category AS product_category, status,
    item.quantity AS quantity, item.unit_price AS unit_price
  FROM recent_orders, UNNEST(items) AS item WITH OFFSET AS position
  UNION ALL
  SELECT
    'inventory', event_id, 0, timestamp, publish_time, NULL,
    product_id, NULL, NULL, quantity_change, NULL
  FROM recent_movements
  UNION ALL
  SELECT
    'user_activity', event_id, 0, timestamp, publish_time, user_id,
    metadata.product_id, metadata.category, NULL, metadata.quantity, metadata.price
  FROM recent_activity
) AS fresh
ON kept.event_type = fresh.event_type
  AND kept.event_id = fresh.event_id
  AND kept.line = fresh.line
  AND kept.event_timestamp = fresh.event_timestamp
  AND kept.event_timestamp >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {days} DAY)
WHEN NOT MATCHED BY TARGET THEN
  INSERT (
    event_type, event_id, line, event_timestamp, publish_time, customer_id,
    product_id, product_category, status, quantity, unit_price
  )
  VALUES (
    fresh.event_type, fresh.event_id, fresh.line, fresh.event_timestamp, fresh.publish_time, fresh.customer_id,
    fresh.product_id, fresh.product_category, fresh.status, fresh.quantity, fresh.unit_price
  )
