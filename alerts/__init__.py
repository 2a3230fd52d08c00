"""Whom to tell about an alert, and how: routing, delivery, channels, rendering."""
