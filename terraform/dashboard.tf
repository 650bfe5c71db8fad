# One page for who is on call, from the message's entry to its row, three charts a line.

locals {
  charts = [
    { title = "Messages published a second", filter = "${local.published}=\"events\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", unit = "1/s" },
    { title = "Dead letters a second", filter = "${local.published}=\"events-dlq\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", unit = "1/s" },
    { title = "Oldest unacknowledged event", filter = "${local.oldest_unacked}=\"events-sub\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", unit = "s" },
    { title = "Backlog", filter = "${local.undelivered}=\"events-sub\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", unit = "messages" },
    { title = "System lag", filter = "${local.job} AND metric.type=\"dataflow.googleapis.com/job/system_lag\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", unit = "s" },
    { title = "Data freshness", filter = "${local.job} AND metric.type=\"dataflow.googleapis.com/job/data_watermark_age\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", unit = "s" },
    { title = "vCPUs of the job", filter = "${local.job} AND metric.type=\"dataflow.googleapis.com/job/current_num_vcpus\"", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", unit = "vCPUs" },
    { title = "Errors of the workers", filter = local.worker_errors, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", unit = "a minute" },
    { title = "Errors of the alerting function", filter = local.function_errors, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", unit = "a minute" },
    { title = "Letters in the dead-letter queue", filter = "${local.undelivered}=\"events-dlq-sub\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", unit = "messages" },
    { title = "Alerts nobody was told of", filter = "${local.undelivered}=\"order-alerts-dlq-sub\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", unit = "messages" },
    { title = "Age of what the raw archive lacks", filter = "${local.oldest_unacked}=\"events-archive\"", aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", unit = "s" },
  ]
}

resource "google_monitoring_dashboard" "pipeline" {
  dashboard_json = jsonencode({
    displayName = "Order pipeline"
    mosaicLayout = {
      columns = 12
      tiles = [
        for index, chart in local.charts : {
          xPos   = index % 3 * 4
          yPos   = floor(index / 3) * 4
          width  = 4
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = "60s"
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = chart.reducer
                    }
                  }
                }
              }]
              yAxis = { label = chart.unit, scale = "LINEAR" }
            }
          }
        }
      ]
    }
  })

  depends_on = [google_project_service.api["monitoring.googleapis.com"]]
}
