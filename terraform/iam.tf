# Who may do what. Data roles are granted on the one resource they are for, never on the project; the few grants on
# the project are those that exist at no lower level, and none of them opens data.

resource "google_service_account" "account" {
  for_each = {
    worker         = { id = "pipeline-worker", is = "Runs the Dataflow job: launcher machine and workers." }
    launcher       = { id = "pipeline-launcher", is = "Launches, updates, drains and checks the job; operators act as it." }
    function       = { id = "alerting-function", is = "Runs the alerting function." }
    function_build = { id = "alerting-function-build", is = "Builds the alerting function's image." }
    alerts_push    = { id = "alerts-push", is = "Pub/Sub calls the alerting function as this account." }
    generator      = { id = "event-generator", is = "Publishes simulated events." }
    ci             = { id = "pipeline-ci", is = "Runs Cloud Build: pushes images and templates, launches and updates the job." }
    raw_events     = { id = "raw-events-query", is = "Runs the scheduled query that fills raw_events." }
  }

  account_id  = each.value.id
  description = each.value.is
  depends_on  = [google_project_service.api["iam.googleapis.com"]]
}

locals {
  member = { for name, account in google_service_account.account : name => account.member }
}

# Grants take up to two minutes to hold everywhere. What uses one at once waits for this.
resource "time_sleep" "grants" {
  create_duration = "120s"

  depends_on = [
    google_artifact_registry_repository_iam_member.grant,
    google_bigquery_dataset_iam_member.grant,
    google_bigquery_table_iam_member.raw_events,
    google_project_iam_member.function_build_reads_its_source,
    google_project_iam_member.project,
    google_secret_manager_secret_iam_member.function,
    google_service_account_iam_member.grant,
    google_storage_bucket_iam_member.archive,
    google_storage_bucket_iam_member.grant,
  ]
}

# On the project: only what no lower resource takes.
resource "google_project_iam_member" "project" {
  # checkov:skip=CKV_GCP_49:dataflow.developer lets nobody act as an account; that is granted on the worker alone, below.
  for_each = {
    # Leasing work, shuffle and state of Dataflow's service: a project is the lowest level there is.
    worker_runs = { who = "worker", role = "roles/dataflow.worker" }
    # A Flex Template's launcher machine runs as the worker and creates the job itself.
    worker_creates_the_job = { who = "worker", role = "roles/dataflow.developer" }
    # A query belongs to a project. Which tables a query may read is decided on the dataset. A backfill reads
    # _load_metadata by a query.
    worker_queries     = { who = "worker", role = "roles/bigquery.jobUser" }
    raw_events_queries = { who = "raw_events", role = "roles/bigquery.jobUser" }
    launcher_launches  = { who = "launcher", role = "roles/dataflow.developer" }
    ci_launches        = { who = "ci", role = "roles/dataflow.developer" }
    # deploy/launch.py reads from the log why an update was refused.
    launcher_reads_logs = { who = "launcher", role = "roles/logging.viewer" }
    ci_reads_logs       = { who = "ci", role = "roles/logging.viewer" }
    ci_logs             = { who = "ci", role = "roles/logging.logWriter" }
    function_build_logs = { who = "function_build", role = "roles/logging.logWriter" }
  }

  project = var.project_id
  role    = each.value.role
  member  = local.member[each.value.who]
}

# Cloud Functions copies the source to a bucket of its own, which does not exist before the first deployment and so
# cannot carry a grant. The condition leaves that bucket alone of all the project's.
resource "google_project_iam_member" "function_build_reads_its_source" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = local.member.function_build

  condition {
    title      = "source of functions only"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-${var.region}\")"
  }
}

resource "google_pubsub_subscription_iam_member" "grant" {
  for_each = {
    worker_reads_events    = { who = "worker", role = "roles/pubsub.subscriber", on = google_pubsub_subscription.events.id }
    worker_sees_events     = { who = "worker", role = "roles/pubsub.viewer", on = google_pubsub_subscription.events.id }
    launcher_checks_it     = { who = "launcher", role = "roles/pubsub.viewer", on = google_pubsub_subscription.events.id }
    launcher_checks_dlq    = { who = "launcher", role = "roles/pubsub.viewer", on = google_pubsub_subscription.dead_letters.id }
    launcher_checks_alerts = { who = "launcher", role = "roles/pubsub.viewer", on = google_pubsub_subscription.alerts_push.id }
  }

  subscription = each.value.on
  role         = each.value.role
  member       = local.member[each.value.who]
}

resource "google_pubsub_topic_iam_member" "grant" {
  for_each = {
    worker_sends_dead_letters = { who = "worker", role = "roles/pubsub.publisher", on = "events-dlq" }
    worker_sends_alerts       = { who = "worker", role = "roles/pubsub.publisher", on = "order-alerts" }
    worker_sees_dead_letters  = { who = "worker", role = "roles/pubsub.viewer", on = "events-dlq" }
    worker_sees_alerts        = { who = "worker", role = "roles/pubsub.viewer", on = "order-alerts" }
    launcher_checks_dlq       = { who = "launcher", role = "roles/pubsub.viewer", on = "events-dlq" }
    launcher_checks_alerts    = { who = "launcher", role = "roles/pubsub.viewer", on = "order-alerts" }
    generator_publishes       = { who = "generator", role = "roles/pubsub.publisher", on = "events" }
  }

  topic  = google_pubsub_topic.topic[each.value.on].id
  role   = each.value.role
  member = local.member[each.value.who]
}

resource "google_storage_bucket_iam_member" "grant" {
  for_each = {
    worker_writes_the_lake  = { who = "worker", role = "roles/storage.objectUser", on = google_storage_bucket.lake.name }
    worker_stages           = { who = "worker", role = "roles/storage.objectUser", on = google_storage_bucket.staging.name }
    worker_reads_template   = { who = "worker", role = "roles/storage.objectViewer", on = google_storage_bucket.templates.name }
    launcher_reads_template = { who = "launcher", role = "roles/storage.objectViewer", on = google_storage_bucket.templates.name }
    launcher_checks_lake    = { who = "launcher", role = "roles/storage.bucketViewer", on = google_storage_bucket.lake.name }
    launcher_checks_staging = { who = "launcher", role = "roles/storage.bucketViewer", on = google_storage_bucket.staging.name }
    ci_writes_templates     = { who = "ci", role = "roles/storage.objectUser", on = google_storage_bucket.templates.name }
    ci_reads_its_source     = { who = "ci", role = "roles/storage.objectViewer", on = google_storage_bucket.staging.name }
    function_keeps_markers  = { who = "function", role = "roles/storage.objectUser", on = google_storage_bucket.alerts.name }
  }

  bucket = each.value.on
  role   = each.value.role
  member = local.member[each.value.who]
}

# The archive subscription writes as Pub/Sub's own account, and looks at the bucket first.
resource "google_storage_bucket_iam_member" "archive" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.legacyBucketReader"])

  bucket = google_storage_bucket.lake.name
  role   = each.key
  member = google_project_service_identity.agent["pubsub.googleapis.com"].member
}

resource "google_bigquery_dataset_iam_member" "grant" {
  for_each = {
    worker_writes_tables = { who = "worker", role = "roles/bigquery.dataEditor" }
    launcher_checks_them = { who = "launcher", role = "roles/bigquery.metadataViewer" }
    raw_events_reads     = { who = "raw_events", role = "roles/bigquery.dataViewer" }
  }

  dataset_id = google_bigquery_dataset.events.dataset_id
  role       = each.value.role
  member     = local.member[each.value.who]
}

resource "google_bigquery_table_iam_member" "raw_events" {
  dataset_id = google_bigquery_dataset.events.dataset_id
  table_id   = google_bigquery_table.table["raw_events"].table_id
  role       = "roles/bigquery.dataEditor"
  member     = local.member.raw_events
}

resource "google_artifact_registry_repository_iam_member" "grant" {
  for_each = {
    worker         = "roles/artifactregistry.reader"
    launcher       = "roles/artifactregistry.reader"
    generator      = "roles/artifactregistry.reader"
    ci             = "roles/artifactregistry.writer"
    function_build = "roles/artifactregistry.writer"
  }

  location   = google_artifact_registry_repository.pipeline.location
  repository = google_artifact_registry_repository.pipeline.name
  role       = each.value
  member     = local.member[each.key]
}

# Acting as another account.
resource "google_service_account_iam_member" "grant" {
  for_each = {
    # Who starts a job must be allowed to run it as the worker; the launcher machine is the worker itself.
    launcher_as_worker = { role = "roles/iam.serviceAccountUser", on = "worker", member = local.member.launcher }
    ci_as_worker       = { role = "roles/iam.serviceAccountUser", on = "worker", member = local.member.ci }
    worker_as_worker   = { role = "roles/iam.serviceAccountUser", on = "worker", member = local.member.worker }
    # Pub/Sub signs its calls of the function. Projects made before April 2021 need the grant, later ones have it.
    pubsub_signs_calls = {
      role   = "roles/iam.serviceAccountTokenCreator"
      on     = "alerts_push"
      member = google_project_service_identity.agent["pubsub.googleapis.com"].member
    }
    # BigQuery runs the scheduled query as the account.
    transfers_as_raw_events = {
      role   = "roles/iam.serviceAccountTokenCreator"
      on     = "raw_events"
      member = google_project_service_identity.agent["bigquerydatatransfer.googleapis.com"].member
    }
  }

  service_account_id = google_service_account.account[each.value.on].name
  role               = each.value.role
  member             = each.value.member
}

# People hold no right to change the job: they take the launcher's, which the audit log shows.
resource "google_service_account_iam_member" "operators" {
  for_each = var.operators

  service_account_id = google_service_account.account["launcher"].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.key
}
