"""The fetcher: asks the feeds that are due, and publishes what in them is new."""
