"""Surges: the rate of new stories of a watch topic leaves its own rhythm."""
