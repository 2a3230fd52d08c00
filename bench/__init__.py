"""Benchmarks against baselines and peers, one command each; docs/benchmarks.md has their results."""
