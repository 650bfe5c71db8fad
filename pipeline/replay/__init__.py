"""Publishes dead letters again: `python -m pipeline.replay`. docs/replay.md"""
