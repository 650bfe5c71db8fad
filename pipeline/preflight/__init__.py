"""What a run needs, looked at before it starts: `python -m pipeline.preflight` with the run's own flags."""
