"""Hostile input: everything that reads what strangers send, fed with what no producer would send.

A target takes bytes, makes of them what its part of the product reads, and returns how that ended. It raises
only what the part does not declare, or AssertionError for a promise that is broken. The property tests, the
counting run and the coverage-guided run share targets, seeds and mutations.
"""
