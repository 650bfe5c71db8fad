# Images: pipeline/pipeline (launcher and worker), pipeline/generator, and what the function's build makes.
resource "google_artifact_registry_repository" "pipeline" {
  repository_id = "pipeline"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the order pipeline, its generator and its alerting function."
  kms_key_name  = var.kms_key_name

  # A rollback needs the images of the last releases, so the newest of each package stay, however old they are. Every
  # push has a tag of its own, so tagged images go as well, in the end; what has lost its tag goes after a month.
  cleanup_policies {
    id     = "keep-releases"
    action = "KEEP"
    most_recent_versions {
      keep_count = 20
    }
  }

  cleanup_policies {
    id     = "delete-untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "${30 * local.day_seconds}s"
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "${var.image_days * local.day_seconds}s"
    }
  }

  depends_on = [google_project_service.api, time_sleep.key_grants]
}
