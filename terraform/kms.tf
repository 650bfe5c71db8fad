# Encryption with a key of one's own is optional: kms_key_name. The key is not created here, because who operates
# the pipeline should not be who can destroy its key. What the services need on it is granted here.

locals {
  encrypted = var.kms_key_name != null
}

data "google_storage_project_service_account" "this" {
  count      = local.encrypted ? 1 : 0
  depends_on = [google_project_service.api["storage.googleapis.com"]]
}

data "google_bigquery_default_service_account" "this" {
  count      = local.encrypted ? 1 : 0
  depends_on = [google_project_service.api["bigquery.googleapis.com"]]
}

resource "google_kms_crypto_key_iam_member" "service" {
  for_each = local.encrypted ? {
    artifact_registry = google_project_service_identity.agent["artifactregistry.googleapis.com"].member
    bigquery          = data.google_bigquery_default_service_account.this[0].member
    compute           = "serviceAccount:service-${data.google_project.this.number}@compute-system.iam.gserviceaccount.com"
    dataflow          = google_project_service_identity.agent["dataflow.googleapis.com"].member
    functions         = google_project_service_identity.agent["cloudfunctions.googleapis.com"].member
    pubsub            = google_project_service_identity.agent["pubsub.googleapis.com"].member
    run               = google_project_service_identity.agent["run.googleapis.com"].member
    secret_manager    = google_project_service_identity.agent["secretmanager.googleapis.com"].member
    storage           = data.google_storage_project_service_account.this[0].member
  } : {}

  crypto_key_id = var.kms_key_name
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value
}

# A grant on the key takes up to two minutes to hold, as any other does. Whatever is encrypted waits for this, or the
# first apply fails halfway.
resource "time_sleep" "key_grants" {
  count = local.encrypted ? 1 : 0

  create_duration = "120s"
  # Another key has other grants, which take their time again.
  triggers   = { key = var.kms_key_name }
  depends_on = [google_kms_crypto_key_iam_member.service]
}
