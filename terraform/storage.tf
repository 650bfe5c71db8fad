# The lake: raw/ (archive of the messages), processed/ (Parquet), archive/ (what people put aside),
# dead_letters/ (payloads over 1 MB), tables/ (rows of runs without a warehouse).
resource "google_storage_bucket" "lake" {
  # checkov:skip=CKV_GCP_62:Cloud Audit Logs show who read what, for all buckets and with names; usage logs do not.
  # checkov:skip=CKV_GCP_78:Objects are written once and never changed; soft delete keeps what is deleted.
  name                        = local.lake_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "NEARLINE"
    }
    condition {
      age                   = 90
      matches_storage_class = ["STANDARD"]
    }
  }

  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "COLDLINE"
    }
    condition {
      age                   = 180
      matches_storage_class = ["STANDARD", "NEARLINE"]
    }
  }

  dynamic "lifecycle_rule" {
    for_each = local.lake_days
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value
        matches_prefix = [lifecycle_rule.key]
      }
    }
  }

  # The removal of a person writes objects anew, and their age begins anew: their custom time is that of the first.
  dynamic "lifecycle_rule" {
    for_each = local.lake_days
    content {
      action {
        type = "Delete"
      }
      condition {
        days_since_custom_time = lifecycle_rule.value
        matches_prefix         = [lifecycle_rule.key]
      }
    }
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * local.day_seconds
  }

  dynamic "encryption" {
    for_each = local.encrypted ? [var.kms_key_name] : []
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.api, time_sleep.key_grants]
}

# Dataflow's files: temp/ is deleted after a month, and so is source/, where `gcloud builds submit` puts the code of a
# build. staging/ is not, because new workers of a job that has run for longer still read what it staged when it was
# launched.
resource "google_storage_bucket" "staging" {
  # checkov:skip=CKV_GCP_62:Cloud Audit Logs show who read what, for all buckets and with names; usage logs do not.
  # checkov:skip=CKV_GCP_78:Temporary files, which a launch makes anew.
  name                        = local.staging_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 30
      matches_prefix = ["temp/", "source/"]
    }
  }

  # Temporary files are not worth a week's storage after their end.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  dynamic "encryption" {
    for_each = local.encrypted ? [var.kms_key_name] : []
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.api, time_sleep.key_grants]
}

# Template specs (pipeline/TAG.json, pipeline/latest.json) and the function's source. Versioned: latest.json is
# overwritten by every release.
resource "google_storage_bucket" "templates" {
  # checkov:skip=CKV_GCP_62:Cloud Audit Logs show who read what, for all buckets and with names; usage logs do not.
  name                        = local.templates_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 90
      num_newer_versions         = 3
    }
  }

  dynamic "encryption" {
    for_each = local.encrypted ? [var.kms_key_name] : []
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.api, time_sleep.key_grants]
}

# The alerting function's markers of who was told.
resource "google_storage_bucket" "alerts" {
  # checkov:skip=CKV_GCP_62:Cloud Audit Logs show who read what, for all buckets and with names; usage logs do not.
  # checkov:skip=CKV_GCP_78:A marker is of use for hours; old versions of it are of none.
  name                        = local.alerts_bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = var.alert_marker_days
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  dynamic "encryption" {
    for_each = local.encrypted ? [var.kms_key_name] : []
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.api, time_sleep.key_grants]
}
