# What is watched, who is told, and what it means. docs/operate.md says more of each.

resource "google_monitoring_notification_channel" "email" {
  count = var.notification_email == null ? 0 : 1

  display_name = "Order pipeline: on call"
  type         = "email"
  labels       = { email_address = var.notification_email }
  depends_on   = [google_project_service.api["monitoring.googleapis.com"]]
}

# A warning and no error: who only tries the pipeline out needs no address. It is repeated at every plan and apply.
check "somebody_is_told" {
  assert {
    condition     = var.notification_email != null
    error_message = "Nobody is told when an alert policy fires, such as when the job has failed: notification_email is not set. Set it to an address that people read, such as oncall@example.com."
  }
}

# Errors that only a log tells of. While a channel may take an alert later, the function answers 500 and the alert
# comes again. That fault passes, but it is logged as an error twice: as a request, and as a traceback.
locals {
  log_filters = {
    alerting-function-errors = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${google_cloudfunctions2_function.alerting.name}\" AND severity>=ERROR AND NOT log_id(\"run.googleapis.com/requests\") AND NOT textPayload:\"DeliveryFailed\""
    pipeline-worker-errors   = "resource.type=\"dataflow_step\" AND resource.labels.job_name=\"${local.job_name}\" AND severity>=ERROR"
  }
}

resource "google_logging_metric" "logged" {
  for_each = local.log_filters

  name   = each.key
  filter = each.value

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

# Monitoring refuses a policy on a metric that it does not know yet.
resource "time_sleep" "log_metrics" {
  create_duration = "60s"
  depends_on      = [google_logging_metric.logged]
}

locals {
  channels = google_monitoring_notification_channel.email[*].id

  job             = "resource.type=\"dataflow_job\" AND resource.labels.job_name=\"${local.job_name}\""
  any_job         = "resource.type=\"dataflow_job\" AND resource.labels.job_name=monitoring.regex.full_match(\"order-.*\")"
  published       = "resource.type=\"pubsub_topic\" AND metric.type=\"pubsub.googleapis.com/topic/send_message_operation_count\" AND resource.labels.topic_id"
  oldest_unacked  = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND resource.labels.subscription_id"
  undelivered     = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.labels.subscription_id"
  function_errors = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.logged["alerting-function-errors"].name}\""
  worker_errors   = "resource.type=\"dataflow_step\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.logged["pipeline-worker-errors"].name}\""

  # Levels: above `threshold` all the time for `minutes`. Counts (ALIGN_DELTA): above `threshold` within `minutes`, or
  # within one minute if there are none. A healthy run acknowledges after about a minute, when a lake file is written.
  policies = {
    oldest_unacked_message = {
      title   = "Oldest unacknowledged event over 10 minutes"
      filter  = "${local.oldest_unacked}=\"${google_pubsub_subscription.events.name}\""
      aligner = "ALIGN_MAX", threshold = 600, minutes = 5, severity = "CRITICAL"
      means   = "The job does not run, or does not keep up. Nothing is lost for 7 days. Look whether the job runs and at its worker errors; if it runs and lags, raise max_workers."
    }
    system_lag = {
      title   = "System lag over 10 minutes"
      filter  = "${local.job} AND metric.type=\"dataflow.googleapis.com/job/system_lag\""
      aligner = "ALIGN_MAX", threshold = 600, minutes = 5, severity = "ERROR"
      means   = "A message has been in work for so long: a step is stuck, mostly on retries against BigQuery, or there are too few workers. The job's graph shows the step."
    }
    data_freshness = {
      title   = "Data freshness over 15 minutes"
      filter  = "${local.job} AND metric.type=\"dataflow.googleapis.com/job/data_watermark_age\""
      aligner = "ALIGN_MAX", threshold = 900, minutes = 5, severity = "ERROR"
      means   = "The watermark is behind: windows close late, and metrics and anomalies with them. Look for a backlog first."
    }
    failed_job = {
      title   = "A job failed"
      filter  = "${local.any_job} AND metric.type=\"dataflow.googleapis.com/job/is_failed\""
      aligner = "ALIGN_MAX", threshold = 0, minutes = 0, severity = "CRITICAL"
      # Each name by itself: a backfill that failed must not hide that the pipeline fails later.
      group_by = ["resource.label.job_name"]
      means    = "$${resource.label.job_name} has ended with an error. Read the job's last error, mend it, launch again. If it is ${local.job_name}, messages wait in the subscription for 7 days."
    }
    worker_errors = {
      title   = "Workers log errors"
      filter  = local.worker_errors
      aligner = "ALIGN_DELTA", threshold = 20, minutes = 10, severity = "WARNING"
      means   = "Bundles fail and are repeated; faults of the data never do that. Read the workers' log."
    }
    archive_stuck = {
      title   = "The raw archive is an hour behind"
      filter  = "${local.oldest_unacked}=\"${google_pubsub_subscription.events_archive.name}\""
      aligner = "ALIGN_MAX", threshold = 3600, minutes = 10, severity = "ERROR"
      means   = "Pub/Sub cannot write to raw/ in the lake: mostly its service agent lost a role on the bucket. After 7 days the archive has a gap."
    }
    function_errors = {
      title   = "The alerting function logs errors"
      filter  = local.function_errors
      aligner = "ALIGN_DELTA", threshold = 0, minutes = 0, severity = "ERROR"
      means   = "A channel refused an alert for good, a message was no alert, the bucket of the markers does not answer, or a setting is wrong. The log names which; a secret may have been rotated without deploying the function. An alert that is tried again is no error. The channel console logs a grave alert as an error: then the line is the alert itself."
    }
    undelivered_alerts = {
      title   = "Alerts that nobody was told of"
      filter  = "${local.undelivered}=\"${google_pubsub_subscription.alerts_dead_letters.name}\""
      aligner = "ALIGN_MAX", threshold = 0, minutes = 0, severity = "ERROR"
      means   = "The function could not deliver an alert for about eight hours. Pull order-alerts-dlq-sub to read it; the table alerts has it too."
    }
  }

  # Monitoring compares once an alignment period, and wants each of them above the threshold for the duration. So a
  # count is taken over all its minutes and compared at once; a level is looked at every minute.
  policy_seconds = {
    for name, policy in local.policies : name => policy.aligner == "ALIGN_DELTA" ?
    { period = max(60, policy.minutes * 60), duration = 0 } : { period = 60, duration = policy.minutes * 60 }
  }
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each = local.policies

  display_name          = "Order pipeline: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.threshold
      duration        = "${local.policy_seconds[each.key].duration}s"

      aggregations {
        alignment_period     = "${local.policy_seconds[each.key].period}s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.aligner == "ALIGN_DELTA" ? "REDUCE_SUM" : "REDUCE_MAX"
        group_by_fields      = try(each.value.group_by, [])
      }
    }
  }

  documentation {
    content   = each.value.means
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "${local.day_seconds}s"
  }

  depends_on = [google_project_service.api["monitoring.googleapis.com"], time_sleep.log_metrics]
}

resource "google_monitoring_alert_policy" "dead_letters" {
  display_name          = "Order pipeline: Many dead letters"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "Dead letters over ${var.max_dead_letter_share * 100} % of the messages"

    condition_threshold {
      filter             = "${local.published}=\"${google_pubsub_topic.topic["events-dlq"].name}\""
      denominator_filter = "${local.published}=\"${google_pubsub_topic.topic["events"].name}\""
      comparison         = "COMPARISON_GT"
      threshold_value    = var.max_dead_letter_share
      duration           = "600s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
      denominator_aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = "A producer sends what the contract refuses. `SELECT reason, COUNT(*) FROM dead_letters_open GROUP BY reason` says why; mend the producer or the contract, then replay (docs/replay.md)."
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "${local.day_seconds}s"
  }

  depends_on = [google_project_service.api["monitoring.googleapis.com"]]
}

# The step that writes order_metrics counts rows only while orders come: that tells "no orders" from "no events".
# `absent` tells of a job that does not run at all; so this one fires, rightly, until the first launch.
resource "google_monitoring_alert_policy" "no_orders" {
  display_name          = "Order pipeline: No orders"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels

  conditions {
    display_name = "No orders for ${var.no_orders_minutes} minutes"

    condition_prometheus_query_language {
      query               = "sum(max_over_time(${local.order_rows}[${var.no_orders_minutes}m]) - min_over_time(${local.order_rows}[${var.no_orders_minutes}m])) == 0 or absent_over_time(${local.order_rows}[${var.no_orders_minutes}m])"
      duration            = "300s"
      evaluation_interval = "60s"
      # The counter exists from the first launch on.
      disable_metric_validation = true
    }
  }

  documentation {
    content   = "No order reached order_metrics. If events-sub has a backlog, the pipeline is at fault; if nothing is published on events, the shops are."
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "${local.day_seconds}s"
  }

  depends_on = [google_project_service.api["monitoring.googleapis.com"]]
}

locals {
  order_rows = "dataflow_googleapis_com:job_user_counter{monitored_resource=\"dataflow_job\",job_name=\"${local.job_name}\",metric_name=\"bigquery_rows_written\",ptransform=~\"WriteOrderMetrics.*\"}"
}

# What it costs, against a budget. Google tells the billing account's administrators anyway.
resource "google_billing_budget" "monthly" {
  count    = var.billing_account == null ? 0 : 1
  provider = google.billing

  billing_account = var.billing_account
  display_name    = "Order pipeline: a month in ${var.project_id}"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }

  dynamic "threshold_rules" {
    for_each = { 0.5 = "CURRENT_SPEND", 0.9 = "CURRENT_SPEND", 1 = "FORECASTED_SPEND" }
    content {
      threshold_percent = tonumber(threshold_rules.key)
      spend_basis       = threshold_rules.value
    }
  }

  dynamic "all_updates_rule" {
    for_each = length(local.channels) > 0 ? [local.channels] : []
    content {
      monitoring_notification_channels = all_updates_rule.value
    }
  }

  depends_on = [google_project_service.api["billingbudgets.googleapis.com"]]
}
