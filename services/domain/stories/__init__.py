"""Articles about the same event: which story each belongs to, where it comes from, and what it adds."""
