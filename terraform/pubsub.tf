# A subscription here never expires, by a ttl of "": Pub/Sub otherwise deletes one that nobody has read for 31 days,
# with all that it holds.

resource "google_pubsub_topic" "topic" {
  for_each = toset(["events", "events-dlq", "order-alerts", "order-alerts-dlq"])

  name         = each.key
  kms_key_name = var.kms_key_name

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.api, time_sleep.key_grants]
}

# What the pipeline reads. No dead-letter policy: Dataflow does not support one, the pipeline keeps its own dead
# letters. No exactly-once delivery either: Dataflow drops what Pub/Sub delivers twice, and would read slower with it.
resource "google_pubsub_subscription" "events" {
  name                       = "events-sub"
  topic                      = google_pubsub_topic.topic["events"].id
  ack_deadline_seconds       = 60
  message_retention_duration = "${7 * local.day_seconds}s"

  expiration_policy {
    ttl = ""
  }
}

# Every message as it was delivered, without a worker: what a backfill from raw/ reads. Avro, because the text
# format keeps payloads only.
resource "google_pubsub_subscription" "events_archive" {
  name                       = "events-archive"
  topic                      = google_pubsub_topic.topic["events"].id
  ack_deadline_seconds       = 600
  message_retention_duration = "${7 * local.day_seconds}s"

  cloud_storage_config {
    bucket                   = google_storage_bucket.lake.name
    filename_prefix          = "raw/date="
    filename_datetime_format = "YYYY-MM-DD/hh/mm_ss"
    filename_suffix          = ".avro"
    max_duration             = "300s"
    max_bytes                = 100000000

    avro_config {
      write_metadata   = true
      use_topic_schema = false
    }
  }

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # Pub/Sub tries the bucket when the subscription is made.
  depends_on = [time_sleep.grants]
}

# Without a subscription a topic keeps nothing: this one is the dead-letter queue, read by `python -m pipeline.replay`.
resource "google_pubsub_subscription" "dead_letters" {
  name                       = "events-dlq-sub"
  topic                      = google_pubsub_topic.topic["events-dlq"].id
  ack_deadline_seconds       = 60
  message_retention_duration = "${var.dead_letter_queue_days * local.day_seconds}s"

  expiration_policy {
    ttl = ""
  }
}
