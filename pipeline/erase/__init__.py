"""Removing a person from tables, dead letters and lake."""
