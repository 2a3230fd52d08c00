"""Matches in, alerts out: what is worth telling about each watch topic."""
