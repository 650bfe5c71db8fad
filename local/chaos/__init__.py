"""Faults on purpose: the product under kill -9, outages, redelivery and bad input, and what came of it."""
