"""Tests of surges."""
