# Values only, of variables and files: `terraform console` evaluates this file without any provider.

locals {
  job_name = "order-pipeline"
  labels   = merge(var.labels, { application = local.job_name })

  lake_bucket      = coalesce(var.lake_bucket, "${var.project_id}-shop-events")
  staging_bucket   = coalesce(var.staging_bucket, "${var.project_id}-shop-events-staging")
  templates_bucket = coalesce(var.templates_bucket, "${var.project_id}-shop-events-templates")
  alerts_bucket    = "${var.project_id}-shop-events-alerts"

  day_seconds = 24 * 60 * 60
}

# The contract. Columns are declared in ../schemas.json alone; check, set_by and pii are words of ours, which
# BigQuery does not know, and are left out at every depth. Terraform has no recursion: the depth is written out, and
# bigquery.tf refuses a contract that nests deeper.
locals {
  contract = jsondecode(file("${path.module}/../schemas.json"))

  # raw_events is not the pipeline's: raw_events.sql fills it. It is declared in the same words.
  raw_events = jsondecode(file("${path.module}/raw_events.json"))
  tables     = merge(local.contract.tables, { raw_events = local.raw_events })

  column_words = ["name", "type", "mode", "description"]

  # Table's name to BigQuery's field objects: columns, their fields, and the fields of those.
  table_schemas = {
    for table_name, table in local.tables : table_name => [
      for column in table.columns : merge(
        { for word, value in column : word => value if contains(local.column_words, word) },
        { for word, fields in column : word => [
          for field in fields : merge(
            { for word, value in field : word => value if contains(local.column_words, word) },
            { for word, inner in field : word => [
              for last in inner : { for word, value in last : word => value if contains(local.column_words, word) }
            ] if word == "fields" },
          )
        ] if word == "fields" },
      )
    ]
  }

  # Columns that the projection above would cut off, as table.column.field.field.
  nested_too_deep = flatten([
    for table_name, table in local.tables : [
      for column in table.columns : [
        for field in try(column.fields, []) : [
          for last in try(field.fields, []) : "${table_name}.${column.name}.${field.name}.${last.name}" if can(last.fields)
        ]
      ]
    ]
  ])

  view_queries = {
    for name, view in local.contract.views :
    name => replace(view.query, "{dataset}", "${var.project_id}.${var.dataset_id}")
  }

  # BigQuery checks a view's query when it is made, so a view that reads views comes after them.
  views_read = {
    for name, view in local.contract.views :
    name => setintersection(flatten(regexall("\\{dataset\\}\\.(\\w+)", view.query)), keys(local.contract.views))
  }
  views_of_tables = toset([for name, read in local.views_read : name if length(read) == 0])
  views_of_views  = toset([for name, read in local.views_read : name if length(read) > 0])
  views_too_deep  = [for name in local.views_of_views : name if length(setintersection(local.views_read[name], local.views_of_views)) > 0]

  raw_events_query = replace(
    replace(file("${path.module}/raw_events.sql"), "{dataset}", "${var.project_id}.${var.dataset_id}"),
    "{days}", tostring(var.raw_events_days)
  )
}

# The alerting function's secrets: variable of its environment to secret, and the channel that needs it.
locals {
  secrets = {
    SLACK_WEBHOOK_URL     = { id = "alerting-slack-webhook-url", channel = "slack", used = contains(var.alert_channels, "slack") }
    PAGERDUTY_ROUTING_KEY = { id = "alerting-pagerduty-routing-key", channel = "pagerduty", used = contains(var.alert_channels, "pagerduty") }
    WEBHOOK_URL           = { id = "alerting-webhook-url", channel = "webhook", used = contains(var.alert_channels, "webhook") }
    WEBHOOK_TOKEN         = { id = "alerting-webhook-token", channel = "webhook", used = contains(var.alert_channels, "webhook") && var.webhook_has_token }
  }
}

# The launch, with the original flags: the topics' names follow from the subscription's project, and image, staging
# and account stand in the template as well.
locals {
  registry = "${var.region}-docker.pkg.dev/${var.project_id}/pipeline"
  images   = { pipeline = "${local.registry}/pipeline", generator = "${local.registry}/generator" }
  template = "gs://${local.templates_bucket}/pipeline/${var.image_tag}.json"

  # How the job runs, whoever launches it. None has a space in it: cloudbuild.yaml splits them at spaces.
  launch_flags = concat(
    [
      "--enable-streaming-engine",
      "--max-workers=${var.max_workers}",
    ],
    var.private_network ? ["--disable-public-ips", "--subnetwork=regions/${var.region}/subnetworks/${local.job_name}"] : [],
    var.kms_key_name == null ? [] : ["--dataflow-kms-key=${var.kms_key_name}"],
  )

  launch_command = join(" \\\n  ", concat(
    [
      "gcloud dataflow flex-template run ${local.job_name}",
      "--project=${var.project_id}",
      "--region=${var.region}",
      "--template-file-gcs-location=${local.template}",
      "--service-account-email=pipeline-worker@${var.project_id}.iam.gserviceaccount.com",
      "--staging-location=gs://${local.staging_bucket}/staging",
      "--temp-location=gs://${local.staging_bucket}/temp",
    ],
    length(var.operators) > 0 ? ["--impersonate-service-account=pipeline-launcher@${var.project_id}.iam.gserviceaccount.com"] : [],
    local.launch_flags,
    [
      "--parameters input_subscription=projects/${var.project_id}/subscriptions/events-sub",
      "--parameters output_bucket=gs://${local.lake_bucket}",
      "--parameters bq_dataset=${var.project_id}:${var.dataset_id}",
    ],
  ))

  # What CI has to be told to launch the same. CI launches with its own rights, so nothing here depends on operators.
  cloudbuild_substitutions = {
    _REGION        = var.region
    _IMAGES        = local.registry
    _TEMPLATES     = "gs://${local.templates_bucket}/pipeline"
    _STAGING       = "gs://${local.staging_bucket}"
    _OUTPUT_BUCKET = "gs://${local.lake_bucket}"
    _BQ_DATASET    = "${var.project_id}:${var.dataset_id}"
    _LAUNCH_FLAGS  = join(" ", local.launch_flags)
  }

  # gcloud splits at commas unless another delimiter stands in front (`gcloud topic escaping`). No value has a ~.
  cloudbuild_substitutions_line = "^~^${join("~", [for name, value in local.cloudbuild_substitutions : "${name}=${value}"])}"
}
