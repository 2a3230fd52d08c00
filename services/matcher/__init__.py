"""Articles in, matches out: every article against every watch rule."""
