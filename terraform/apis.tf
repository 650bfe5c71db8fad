resource "google_project_service" "api" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigquerydatatransfer.googleapis.com", # runs the scheduled query
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com", # Dataflow's workers
    "dataflow.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com", # operators act as the launcher
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ])

  service = each.key
  # Others may use them: destroying the pipeline must not switch off a project's APIs.
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.project_id
  depends_on = [google_project_service.api["cloudresourcemanager.googleapis.com"]]
}

# Google's own accounts, through which services act on our resources. In a new project they exist only once
# somebody asks for them, and a grant to an account that does not exist fails.
resource "google_project_service_identity" "agent" {
  for_each = toset(concat(
    ["pubsub.googleapis.com", "bigquerydatatransfer.googleapis.com"],
    local.encrypted ? ["artifactregistry.googleapis.com", "cloudfunctions.googleapis.com", "dataflow.googleapis.com", "run.googleapis.com", "secretmanager.googleapis.com"] : []
  ))

  provider   = google-beta
  service    = each.key
  depends_on = [google_project_service.api]
}
