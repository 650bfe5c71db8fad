# `terraform apply -var="project_id=…"` is enough: everything else has a default.

variable "project_id" {
  description = "Project that everything is created in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is \"${var.project_id}\": a project id has 6 to 30 lower-case letters, digits and hyphens, starts with a letter and does not end with a hyphen. The project's number or display name will not do; `gcloud projects list` shows the id."
  }
}

variable "region" {
  description = "Region of the job, the buckets, the dataset and the function."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is \"${var.region}\": name a region such as europe-west1, without a zone's letter, and no multi-region such as EU."
  }
}

variable "labels" {
  description = "Labels of every resource, beside application=order-pipeline."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels: keys and values are lower-case letters, digits, _ and -, at most 63; a key starts with a letter. Wrong: ${join(", ", [for key, value in var.labels : "${key}=${value}" if !(can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value)))])}."
  }
}

# Where the data lies

variable "lake_bucket" {
  description = "Bucket of the lake; by default PROJECT-shop-events."
  type        = string
  default     = null

  validation {
    condition     = var.lake_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.lake_bucket))
    error_message = "lake_bucket is \"${coalesce(var.lake_bucket, "-")}\": a bucket's name has 3 to 63 lower-case letters, digits, _ and -, without gs:// and without a path."
  }
}

variable "staging_bucket" {
  description = "Bucket of Dataflow's temporary files; by default PROJECT-shop-events-staging."
  type        = string
  default     = null

  validation {
    condition     = var.staging_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.staging_bucket))
    error_message = "staging_bucket is \"${coalesce(var.staging_bucket, "-")}\": a bucket's name has 3 to 63 lower-case letters, digits, _ and -, without gs:// and without a path."
  }
}

variable "templates_bucket" {
  description = "Bucket of the Flex Template and the function's source; by default PROJECT-shop-events-templates."
  type        = string
  default     = null

  validation {
    condition     = var.templates_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.templates_bucket))
    error_message = "templates_bucket is \"${coalesce(var.templates_bucket, "-")}\": a bucket's name has 3 to 63 lower-case letters, digits, _ and -, without gs:// and without a path."
  }
}

variable "dataset_id" {
  description = "BigQuery dataset of the tables and views of schemas.json."
  type        = string
  default     = "ecommerce_events"

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.dataset_id)) && length(var.dataset_id) <= 1024
    error_message = "dataset_id is \"${var.dataset_id}\": a dataset's name has letters, digits and underscores only; no hyphen, and no project before it."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete tables and non-empty buckets. Apply with false before a destroy that shall delete data."
  type        = bool
  default     = true
}

variable "raw_events_days" {
  description = "How far back, in event time, each fill of raw_events looks, in days: Pub/Sub's retention of 7 days, and one for the day between two fills."
  type        = number
  default     = 8

  validation {
    condition     = var.raw_events_days >= 1 && floor(var.raw_events_days) == var.raw_events_days
    error_message = "raw_events_days is ${var.raw_events_days}: use a whole number of 1 or more."
  }
}

# How the job runs

variable "image_tag" {
  description = "Tag of image and template in the launch command that the outputs show."
  type        = string
  default     = "latest"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag))
    error_message = "image_tag is \"${var.image_tag}\": a tag has letters, digits, _ . and -, at most 128; name the tag alone, without the image."
  }
}

variable "image_days" {
  description = "How long an image is kept, in days; the 20 newest of each package stay however old they are. A job must not run longer than this on an image that is not among them: workers that are added later pull the image it was launched with."
  type        = number
  default     = 180

  validation {
    condition     = var.image_days >= 30 && floor(var.image_days) == var.image_days
    error_message = "image_days is ${var.image_days}: use a whole number of 30 or more, and more than the days that a job runs without an update."
  }
}

variable "max_workers" {
  description = "Most Dataflow workers in the launch command and CI's substitutions that the outputs show."
  type        = number
  default     = 10

  validation {
    condition     = var.max_workers >= 1 && var.max_workers <= 1000 && floor(var.max_workers) == var.max_workers
    error_message = "max_workers is ${var.max_workers}: use a whole number from 1 to 1000."
  }
}

variable "private_network" {
  description = "Whether workers run in a network of their own without public addresses."
  type        = bool
  default     = false
}

variable "private_network_range" {
  description = "IPv4 range of that network's subnetwork."
  type        = string
  default     = "10.128.0.0/20"

  validation {
    condition     = can(cidrhost(var.private_network_range, 0))
    error_message = "private_network_range is \"${var.private_network_range}\": use a range such as 10.128.0.0/20."
  }
}

variable "kms_key_name" {
  description = "Cloud KMS key, in the same region, that encrypts topics, buckets, tables, images, secrets and the job; without one, Google's keys do."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_name == null ? true : can(regex("^projects/[^/\\s]+/locations/${var.region}/keyRings/[\\w-]+/cryptoKeys/[\\w-]+$", var.kms_key_name))
    error_message = "kms_key_name is \"${coalesce(var.kms_key_name, "-")}\": use projects/PROJECT/locations/${var.region}/keyRings/RING/cryptoKeys/KEY; the key must lie in the region ${var.region} and have no version at its end."
  }
}

# Who operates it, who is told, and of what

variable "operators" {
  description = "Who may act as the launcher: launch, update, drain. For example group:data-oncall@example.com. Without any, the launch command runs with the caller's own rights."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))])
    error_message = "operators names ${join(", ", [for member in var.operators : member if !can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))])}: put user:, group: or serviceAccount: before an address, such as group:data-oncall@example.com."
  }
}

variable "notification_email" {
  description = "Address that Monitoring and the budget write to; without one, alert policies only show in the console, and every plan warns of it."
  type        = string
  default     = null

  validation {
    condition     = var.notification_email == null ? true : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s.]+$", var.notification_email))
    error_message = "notification_email is \"${coalesce(var.notification_email, "-")}\": use one address such as oncall@example.com."
  }
}

variable "alert_channels" {
  description = "Channels of the alerting function: console (its log), slack, pagerduty, webhook. Each but console needs a version of its secret first."
  type        = set(string)
  default     = ["console"]

  validation {
    condition     = length(var.alert_channels) > 0 && length(setsubtract(var.alert_channels, ["console", "slack", "pagerduty", "webhook"])) == 0
    error_message = "alert_channels names ${length(var.alert_channels) == 0 ? "nothing" : join(", ", setsubtract(var.alert_channels, ["console", "slack", "pagerduty", "webhook"]))}: use any of console, slack, pagerduty, webhook."
  }
}

variable "alert_min_breaches" {
  description = "Windows in a row in breach from which on a channel is told of an alert, such as { slack = 3 }. The function's own default: console 3, slack 5, pagerduty 1, webhook 1."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.alert_min_breaches), ["console", "slack", "pagerduty", "webhook"])) == 0
    error_message = "alert_min_breaches names ${join(", ", setsubtract(keys(var.alert_min_breaches), ["console", "slack", "pagerduty", "webhook"]))}: use any of console, slack, pagerduty, webhook."
  }

  validation {
    condition     = alltrue([for windows in values(var.alert_min_breaches) : windows >= 1 && windows <= 100000 && floor(windows) == windows])
    error_message = "alert_min_breaches is ${jsonencode(var.alert_min_breaches)}: use whole numbers from 1 to 100000."
  }
}

variable "webhook_has_token" {
  description = "Whether the webhook wants the token that lies in the secret alerting-webhook-token."
  type        = bool
  default     = false
}

variable "no_orders_minutes" {
  description = "Minutes without an order after which Monitoring tells people."
  type        = number
  default     = 30

  validation {
    condition     = var.no_orders_minutes >= 10 && var.no_orders_minutes <= 1380 && floor(var.no_orders_minutes) == var.no_orders_minutes
    error_message = "no_orders_minutes is ${var.no_orders_minutes}: use a whole number from 10 (two windows) to 1380 (23 hours)."
  }
}

variable "max_dead_letter_share" {
  description = "Share of the messages that may be refused for ten minutes before Monitoring tells people."
  type        = number
  default     = 0.05

  validation {
    condition     = var.max_dead_letter_share > 0 && var.max_dead_letter_share < 1
    error_message = "max_dead_letter_share is ${var.max_dead_letter_share}: use a share between 0 and 1, such as 0.05 for 5 %."
  }
}

variable "billing_account" {
  description = "Billing account of the project, for a budget; without one, no budget is made."
  type        = string
  default     = null

  validation {
    condition     = var.billing_account == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "billing_account is \"${coalesce(var.billing_account, "-")}\": use the form 012345-6789AB-CDEF01; `gcloud billing accounts list` shows it."
  }
}

variable "monthly_budget" {
  description = "Cost of a month that the budget warns of, in the billing account's currency."
  type        = number
  default     = 1000

  validation {
    condition     = var.monthly_budget >= 1 && floor(var.monthly_budget) == var.monthly_budget
    error_message = "monthly_budget is ${var.monthly_budget}: use a whole number of 1 or more."
  }
}
