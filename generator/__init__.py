"""A seeded simulator of a web shop: it writes or publishes the events the pipeline reads.

`simulation.py` is the core: it merges the shop's processes (`orders.py`, `visitors.py`) in time,
`messages.py` turns what they do into messages, `faults.py` breaks some of them, `incidents.py`
bends the rates. The same seed and start give the same bytes.
"""
