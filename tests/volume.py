"""How much is tried where trying more finds the rarer fault: enough in every run, and all of it in `make chaos`."""

import os

CAMPAIGN = bool(os.environ.get("CAMPAIGN"))


def volume(usual: int, campaign: int) -> int:
    """Return the number of tries of this run: the second where `CAMPAIGN` is set."""
    return campaign if CAMPAIGN else usual
