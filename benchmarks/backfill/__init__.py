"""The batch path beside its peers, as whole processes on the same files: `python -m benchmarks.backfill`."""
