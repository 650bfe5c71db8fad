"""Hours of the demo's traffic: what grows while the pipeline runs, and by how much."""
