"""How Redline reads text: folding, tokens, stems, sentences and the names of actors."""
