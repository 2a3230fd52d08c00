"""Code what sentences of the news say: who does or means what to whom, on whose word, and how firmly."""
