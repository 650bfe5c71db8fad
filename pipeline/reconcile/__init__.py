"""Compares what was published with ledger and tables: `python -m pipeline.reconcile`. docs/reconcile.md"""
