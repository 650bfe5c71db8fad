# Optional: workers without public addresses (private_network). They speak to Google's APIs alone, which Private
# Google Access reaches from here; so there is no NAT, and a worker cannot reach the internet.

resource "google_compute_network" "workers" {
  count = var.private_network ? 1 : 0

  name                    = local.job_name
  auto_create_subnetworks = false
  depends_on              = [google_project_service.api["compute.googleapis.com"]]
}

resource "google_compute_subnetwork" "workers" {
  count = var.private_network ? 1 : 0

  name                     = local.job_name
  network                  = google_compute_network.workers[0].id
  ip_cidr_range            = var.private_network_range
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
  }
}

# Workers of one job talk to each other on these ports; nothing else comes in.
resource "google_compute_firewall" "workers" {
  count = var.private_network ? 1 : 0

  name        = "${local.job_name}-workers"
  network     = google_compute_network.workers[0].id
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}
