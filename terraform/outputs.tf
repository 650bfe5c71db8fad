output "input_subscription" {
  description = "Flag --input_subscription."
  value       = google_pubsub_subscription.events.id
}

output "output_bucket" {
  description = "Flag --output_bucket."
  value       = "gs://${google_storage_bucket.lake.name}"
}

output "bq_dataset" {
  description = "Flag --bq_dataset."
  value       = "${var.project_id}:${google_bigquery_dataset.events.dataset_id}"
}

output "dlq_topic" {
  description = "Flag --dlq_topic."
  value       = google_pubsub_topic.topic["events-dlq"].id
}

output "alerts_topic" {
  description = "Flag --alerts_topic."
  value       = google_pubsub_topic.topic["order-alerts"].id
}

output "events_topic" {
  description = "Where producers publish, and what a replay takes as --topic."
  value       = google_pubsub_topic.topic["events"].id
}

output "dlq_subscription" {
  description = "The dead-letter queue: --dlq_subscription of a replay."
  value       = google_pubsub_subscription.dead_letters.id
}

output "images" {
  description = "Where images are pushed to."
  value       = local.images
}

output "template" {
  description = "The Flex Template's specification."
  value       = local.template
}

output "service_accounts" {
  description = "Address of each service account, by what it does."
  value       = { for name, account in google_service_account.account : name => account.email }
}

output "secrets" {
  description = "Secrets of the alerting function, by the variable that they fill."
  value       = { for name, secret in google_secret_manager_secret.alerting : name => secret.secret_id }
}

output "launch_command" {
  description = "Launches the job by hand, as a new one. CI launches or updates it by deploy/launch.py, with the same flags once it has cloudbuild_substitutions. `terraform output -raw launch_command` prints it."
  value       = local.launch_command
}

output "cloudbuild_substitutions" {
  description = "What makes CI launch the same job as launch_command. In quotes, for it has spaces: `gcloud builds triggers create … --substitutions=\"$(terraform output -raw cloudbuild_substitutions)\"`. More are added with a ~ before each: `gcloud builds submit --substitutions=\"$(terraform output -raw cloudbuild_substitutions)~BRANCH_NAME=first~SHORT_SHA=…\"`. A trigger keeps what it was given: after a change of variables, give it the new ones."
  value       = local.cloudbuild_substitutions_line
}

output "raw_events_query" {
  description = "What fills raw_events, to run by hand after a backfill of older events: `terraform output -raw raw_events_query | bq query --use_legacy_sql=false`, with raw_events_days raised."
  value       = local.raw_events_query
}
