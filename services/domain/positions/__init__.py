"""Positions: where each actor stands on a topic's ladder, from claims; and when that moves. Pure."""
