"""Tests of ladders, positions and shifts."""
