"""What Redline knows, pure: no I/O, no clock, no stream processor."""
