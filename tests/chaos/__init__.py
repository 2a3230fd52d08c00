"""Faults and kills without end, and an audit of what the receivers got: `python -m tests.chaos --help`."""
