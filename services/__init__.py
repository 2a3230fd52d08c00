"""The services of Redline: thin wiring from streams to what domain/ and alerts/ decide."""
