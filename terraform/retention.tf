# How long what holds personal data stays: docs/privacy.md. Variables and values only, as in locals.tf.

variable "soft_delete_days" {
  description = "How long a deleted object of the lake can be restored, in days; 0: not at all."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days is ${var.soft_delete_days}: Cloud Storage takes 7 to 90 days, or 0 for none."
  }
}

variable "dead_letter_days" {
  description = "How long dead letters are kept in their table and in the lake, in days. They hold what producers sent, personal data included."
  type        = number
  default     = 90

  validation {
    condition     = var.dead_letter_days >= max(7, var.dead_letter_queue_days) && floor(var.dead_letter_days) == var.dead_letter_days
    error_message = "dead_letter_days is ${var.dead_letter_days}: use a whole number of 7 or more, and of dead_letter_queue_days (${var.dead_letter_queue_days}) or more, because bytes of the queue's large letters lie in the lake alone."
  }
}

variable "dead_letter_queue_days" {
  description = "How long the dead-letter queue keeps a letter that nobody acknowledges, in days."
  type        = number
  default     = 31

  validation {
    condition     = var.dead_letter_queue_days >= 1 && var.dead_letter_queue_days <= 31
    error_message = "dead_letter_queue_days is ${var.dead_letter_queue_days}: Pub/Sub keeps a message for 1 to 31 days."
  }
}

variable "raw_archive_days" {
  description = "How long raw/ keeps the messages as they were sent, in days; null: without end. A backfill reaches as far back. They hold personal data."
  type        = number
  default     = null

  validation {
    condition     = var.raw_archive_days == null ? true : var.raw_archive_days >= 8 && floor(var.raw_archive_days) == var.raw_archive_days
    error_message = "raw_archive_days is ${coalesce(var.raw_archive_days, 0)}: use a whole number of 8 or more, which is longer than Pub/Sub keeps a message, or null for no end."
  }
}

variable "event_days" {
  description = "How long accepted events are kept, in days: in their tables and raw_events after the event time, in processed/ after they were written; null: without end. Orders and activity hold personal data."
  type        = number
  default     = null

  validation {
    condition     = var.event_days == null ? true : var.event_days >= 31 && floor(var.event_days) == var.event_days
    error_message = "event_days is ${coalesce(var.event_days, 0)}: use a whole number of 31 or more, or null for no end."
  }
}

variable "alert_marker_days" {
  description = "How long the alerting function remembers whom it told of an alert, in days. An alert is repeated for hours at most."
  type        = number
  default     = 30

  validation {
    condition     = var.alert_marker_days >= 8 && floor(var.alert_marker_days) == var.alert_marker_days
    error_message = "alert_marker_days is ${var.alert_marker_days}: use a whole number of 8 or more, which is longer than Pub/Sub keeps an alert."
  }
}

locals {
  # What holds personal data, and how long: tables by name, the lake by folder. Dead letters hold what nobody has
  # checked, so they always have an end.
  table_days = merge(
    { dead_letters = var.dead_letter_days },
    var.event_days == null ? {} : {
      for name, table in local.tables : name => var.event_days if can(table.event_type) || name == "raw_events"
    },
  )
  lake_days = {
    for folder, days in {
      "dead_letters/"        = var.dead_letter_days
      "tables/dead_letters/" = var.dead_letter_days
      "raw/"                 = var.raw_archive_days
      "processed/"           = var.event_days
    } : folder => days if days != null
  }
}
