"""What is known of feeds: reading them, when to ask again, and what in them is new."""
