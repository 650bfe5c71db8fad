# State lies in terraform.tfstate beside these files until a backend says otherwise. A team keeps it in a bucket:
# add `backend "gcs" {}` to the block below and run `terraform init -backend-config=bucket=…`.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
    google-beta = { # for google_project_service_identity alone
      source  = "hashicorp/google-beta"
      version = "~> 6.50"
    }
    archive = {
      source  = "hashicorp/archive"
      version = "~> 2.7"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = local.labels
}

provider "google-beta" {
  project = var.project_id
  region  = var.region
}

# The Billing Budgets API wants to be told whose quota a call uses.
provider "google" {
  alias                 = "billing"
  project               = var.project_id
  billing_project       = var.project_id
  user_project_override = true
}
