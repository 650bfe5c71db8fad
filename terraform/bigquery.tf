resource "google_bigquery_dataset" "events" {
  dataset_id                 = var.dataset_id
  location                   = var.region
  description                = local.contract.description
  delete_contents_on_destroy = !var.deletion_protection

  dynamic "default_encryption_configuration" {
    for_each = local.encrypted ? [var.kms_key_name] : []
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  depends_on = [google_project_service.api, time_sleep.key_grants]
}

# Every table of schemas.json, and raw_events. A new NULLABLE column is added in place; a change that BigQuery cannot
# make in place would have Terraform replace the table, which deletion protection refuses.
resource "google_bigquery_table" "table" {
  for_each = local.tables

  dataset_id          = google_bigquery_dataset.events.dataset_id
  table_id            = each.key
  description         = each.value.description
  schema              = jsonencode(local.table_schemas[each.key])
  clustering          = try(each.value.clustering, null)
  deletion_protection = var.deletion_protection

  dynamic "time_partitioning" {
    for_each = can(each.value.partition) ? [each.value.partition] : []
    content {
      type          = time_partitioning.value.type
      field         = time_partitioning.value.field
      expiration_ms = try(local.table_days[each.key] * local.day_seconds * 1000, null)
    }
  }

  # The dataset's key is the default of new tables alone; said here, a table that was made without it is seen to differ.
  dynamic "encryption_configuration" {
    for_each = local.encrypted ? [var.kms_key_name] : []
    content {
      kms_key_name = encryption_configuration.value
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.nested_too_deep) == 0
      error_message = "schemas.json nests deeper than locals.tf projects: ${join(", ", local.nested_too_deep)}. Write one more level into table_schemas."
    }
  }
}

resource "google_bigquery_table" "view" {
  # checkov:skip=CKV_GCP_80:A view holds nothing to encrypt; the tables that it reads are encrypted.
  # checkov:skip=CKV_GCP_121:A view holds nothing to protect, and is made anew from schemas.json.
  for_each = local.views_of_tables

  dataset_id          = google_bigquery_dataset.events.dataset_id
  table_id            = each.key
  description         = local.contract.views[each.key].description
  deletion_protection = false

  view {
    query          = local.view_queries[each.key]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.table]
}

resource "google_bigquery_table" "view_of_views" {
  # checkov:skip=CKV_GCP_80:A view holds nothing to encrypt; the tables that it reads are encrypted.
  # checkov:skip=CKV_GCP_121:A view holds nothing to protect, and is made anew from schemas.json.
  for_each = local.views_of_views

  dataset_id          = google_bigquery_dataset.events.dataset_id
  table_id            = each.key
  description         = local.contract.views[each.key].description
  deletion_protection = false

  view {
    query          = local.view_queries[each.key]
    use_legacy_sql = false
  }

  lifecycle {
    precondition {
      condition     = length(local.views_too_deep) == 0
      error_message = "schemas.json has views of views of views, which bigquery.tf does not order: ${join(", ", local.views_too_deep)}."
    }
  }

  depends_on = [google_bigquery_table.view]
}

# raw_events is filled once a day from the event tables. Not by the pipeline, which would write each order twice; not
# by a Pub/Sub subscription, which would let in what the contract refuses; no view, which has no partitions.
# docs/adr/0013-terraform-reads-the-contract.md
resource "google_bigquery_data_transfer_config" "raw_events" {
  display_name         = "Fill raw_events"
  data_source_id       = "scheduled_query"
  location             = var.region
  schedule             = "every day 01:00"
  service_account_name = google_service_account.account["raw_events"].email

  params = {
    query = local.raw_events_query
  }

  dynamic "encryption_configuration" {
    for_each = local.encrypted ? [var.kms_key_name] : []
    content {
      kms_key_name = encryption_configuration.value
    }
  }

  depends_on = [time_sleep.grants, google_bigquery_table.table]
}
