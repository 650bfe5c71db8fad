# The function that tells people, its trigger and its secrets.

# Containers only: a value that Terraform wrote would lie in its state. Who operates the pipeline adds one with
#   printf %s "$URL" | gcloud secrets versions add alerting-slack-webhook-url --data-file=-
# and then names the channel in alert_channels.
resource "google_secret_manager_secret" "alerting" {
  for_each = local.secrets

  secret_id = each.value.id

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = local.encrypted ? [var.kms_key_name] : []
          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.api, time_sleep.key_grants]
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each = local.secrets

  secret_id = google_secret_manager_secret.alerting[each.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = local.member.function
}

data "archive_file" "function" {
  type        = "zip"
  source_dir  = "${path.module}/../functions/alerting"
  output_path = "${path.module}/.terraform/alerting.zip"
  # The same archive on every machine, whatever its umask is.
  output_file_mode = "0644"
  # Its tests run in place and leave these behind.
  excludes = ["**/__pycache__/**", "**/.mypy_cache/**", "README.md", "requirements.in"]
}

resource "google_storage_bucket_object" "function" {
  name   = "functions/alerting-${data.archive_file.function.output_md5}.zip"
  bucket = google_storage_bucket.templates.name
  source = data.archive_file.function.output_path
}

resource "google_cloudfunctions2_function" "alerting" {
  name         = "alerting"
  location     = var.region
  description  = "Tells people of the alerts on the order-alerts topic."
  kms_key_name = var.kms_key_name

  build_config {
    runtime           = "python311"
    entry_point       = "deliver_alert"
    service_account   = google_service_account.account["function_build"].id
    docker_repository = google_artifact_registry_repository.pipeline.id

    source {
      storage_source {
        bucket = google_storage_bucket.templates.name
        object = google_storage_bucket_object.function.name
      }
    }
  }

  service_config {
    service_account_email = google_service_account.account["function"].email
    # Pub/Sub of this project counts as internal; nobody else can call the function.
    ingress_settings   = "ALLOW_INTERNAL_ONLY"
    available_memory   = "256Mi"
    timeout_seconds    = 120
    max_instance_count = 5

    environment_variables = merge(
      {
        ALERT_CHANNELS = join(",", sort(var.alert_channels))
        ALERT_STATE    = "gs://${google_storage_bucket.alerts.name}/markers"
      },
      { for channel, windows in var.alert_min_breaches : "${upper(channel)}_MIN_BREACHES" => tostring(windows) },
    )

    dynamic "secret_environment_variables" {
      for_each = { for name, secret in local.secrets : name => secret if secret.used }
      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = google_secret_manager_secret.alerting[secret_environment_variables.key].secret_id
        version    = "latest" # read at a cold start: after a rotation, deploy anew
      }
    }
  }

  depends_on = [time_sleep.grants]
}

# The trigger is a push subscription of our own, not an event_trigger: Eventarc would make a subscription that
# Terraform does not manage, and so without dead letters. It is what the laptop stack uses as well.
# docs/adr/0013-terraform-reads-the-contract.md
resource "google_pubsub_subscription" "alerts_push" {
  name                       = "order-alerts-push"
  topic                      = google_pubsub_topic.topic["order-alerts"].id
  ack_deadline_seconds       = 150 # above the function's timeout, so that no alert is sent again while it runs
  message_retention_duration = "${7 * local.day_seconds}s"

  push_config {
    push_endpoint = google_cloudfunctions2_function.alerting.service_config[0].uri

    oidc_token {
      service_account_email = google_service_account.account["alerts_push"].email
      audience              = google_cloudfunctions2_function.alerting.service_config[0].uri
    }
  }

  # The function raises while a channel may take the alert later. 50 attempts at up to ten minutes are eight hours.
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.topic["order-alerts-dlq"].id
    max_delivery_attempts = 50
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [google_pubsub_topic_iam_member.alerts_dead_letters, google_cloud_run_v2_service_iam_member.alerts_push]
}

# Alerts that nobody could be told of; Monitoring tells of them.
resource "google_pubsub_subscription" "alerts_dead_letters" {
  name                       = "order-alerts-dlq-sub"
  topic                      = google_pubsub_topic.topic["order-alerts-dlq"].id
  ack_deadline_seconds       = 60
  message_retention_duration = "${var.dead_letter_queue_days * local.day_seconds}s"

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub itself moves an undelivered alert: it publishes to one side and acknowledges on the other.
resource "google_pubsub_topic_iam_member" "alerts_dead_letters" {
  topic  = google_pubsub_topic.topic["order-alerts-dlq"].id
  role   = "roles/pubsub.publisher"
  member = google_project_service_identity.agent["pubsub.googleapis.com"].member
}

resource "google_pubsub_subscription_iam_member" "alerts_dead_letters" {
  subscription = google_pubsub_subscription.alerts_push.id
  role         = "roles/pubsub.subscriber"
  member       = google_project_service_identity.agent["pubsub.googleapis.com"].member
}

resource "google_cloud_run_v2_service_iam_member" "alerts_push" {
  name     = google_cloudfunctions2_function.alerting.name # a function of the second generation is a service of its name
  location = var.region
  role     = "roles/run.invoker"
  member   = local.member.alerts_push
}
